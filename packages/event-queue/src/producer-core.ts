import type { Event } from "@halon/proto";
import { assert } from "@halon/runtime";
import { WINDOW } from "./producers.ts";
import { EVENT_BYTES_MAX } from "./queue-state.ts";
import { rendezvous } from "./rendezvous.ts";

/** How an event ends for its submitter. `refused` is final; `full`: too much is waiting here, nothing was sent. */
export type PromulgateOutcome =
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "full" };

/** What was said of one event: `stored`, `duplicate` and `merged` are durable; `refused` is final; others are retried. */
export interface EventOutcome {
  readonly kind: string;
  readonly message: string;
}

export type ProducerInput =
  | {
      readonly kind: "promulgate";
      readonly token: number;
      readonly type: string;
      readonly payload: Uint8Array;
      /** Events with the same key are about the same thing, and may be merged on their way. */
      readonly mergeKey: string | undefined;
    }
  /** What a request came to, one outcome per event; `undefined` when there was no answer. */
  | { readonly kind: "answer"; readonly request: number; readonly outcomes: readonly EventOutcome[] | undefined }
  | { readonly kind: "transponders"; readonly names: readonly string[] }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type ProducerOutput =
  /** Send to a transponder by name, or to any of them. */
  | {
      readonly kind: "report";
      readonly request: number;
      readonly transponder: string | undefined;
      readonly events: readonly Event[];
    }
  /** Store in the queue, without a transponder in between. */
  | { readonly kind: "enqueue"; readonly request: number; readonly events: readonly Event[] }
  | { readonly kind: "done"; readonly token: number; readonly outcome: PromulgateOutcome }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

export interface ProducerConfig {
  /** Name and incarnation of this producer: events are numbered within them. */
  readonly producer: string;
  readonly incarnation: string;
  /** Events that may wait here. Never more than the queue's window. */
  readonly waitingMax?: number;
}

/** Requests under way at a time; meanwhile further events gather and then travel together. */
const REQUESTS_MAX = 4;
export const BATCH_EVENTS_MAX = 256;
const BATCH_BYTES_MAX = 200 * 1024;
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 1_000;

interface Waiting {
  readonly token: number;
  readonly seq: number;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly mergeKey: string | undefined;
  attempts: number;
}

/**
 * The submitter's side of the queue; sans-IO. Repeats each event under one id, for ever, until it is durable: through a
 * transponder where there is one, and every second time straight to the stations. Events of one producer that are
 * awaited one after the other keep their order.
 */
export class ProducerCore {
  readonly #config: ProducerConfig;
  readonly #waitingMax: number;
  #nextSeq = 1;
  #queue: Waiting[] = [];
  readonly #sent = new Map<number, readonly Waiting[]>();
  /** Sequence numbers without an answer, rising. */
  readonly #unanswered = new Set<number>();
  #transponders: readonly string[] = [];
  #request = 0;
  #failures = 0;
  #random = 0.5;
  #isBackingOff = false;

  constructor(config: ProducerConfig) {
    this.#config = config;
    this.#waitingMax = Math.min(config.waitingMax ?? WINDOW, WINDOW);
  }

  /** Events without an answer. */
  get waiting(): number {
    return this.#unanswered.size;
  }

  step(input: ProducerInput, nowMs: number): readonly ProducerOutput[] {
    const out: ProducerOutput[] = [];
    switch (input.kind) {
      case "promulgate":
        this.#onPromulgate(input, out);
        break;
      case "answer":
        this.#onAnswer(input.request, input.outcomes, nowMs, out);
        break;
      case "transponders":
        this.#transponders = input.names;
        break;
      case "timer":
        this.#random = input.random;
        this.#isBackingOff = false;
        break;
      default:
        input satisfies never;
    }
    while (!this.#isBackingOff && this.#queue.length > 0 && this.#sent.size < REQUESTS_MAX) this.#send(out);
    return out;
  }

  #onPromulgate(input: ProducerInput & { kind: "promulgate" }, out: ProducerOutput[]): void {
    const { token, type, payload, mergeKey } = input;
    const bytes = payload.byteLength;
    if (bytes > EVENT_BYTES_MAX) {
      const message = `event of ${bytes} bytes: at most ${EVENT_BYTES_MAX} are allowed; submit a reference instead`;
      out.push({ kind: "done", token, outcome: { kind: "refused", message } });
    } else if (this.#nextSeq >= this.#lowest + this.#waitingMax) {
      out.push({ kind: "done", token, outcome: { kind: "full" } });
    } else {
      const seq = this.#nextSeq++;
      this.#unanswered.add(seq);
      this.#queue.push({ token, seq, type, payload, mergeKey, attempts: 0 });
    }
  }

  get #lowest(): number {
    const [first] = this.#unanswered;
    return first ?? this.#nextSeq;
  }

  /** One request: the first event that waits, and all behind it that go the same way. */
  #send(out: ProducerOutput[]): void {
    const [first] = this.#queue;
    assert(first !== undefined, "nothing to send");
    const way = this.#wayOf(first);
    const batch: Waiting[] = [];
    let bytes = 0;
    this.#queue = this.#queue.filter((each) => {
      bytes += each.payload.byteLength + 128;
      const fits = batch.length === 0 || (batch.length < BATCH_EVENTS_MAX && bytes <= BATCH_BYTES_MAX);
      if (!fits || this.#wayOf(each) !== way) return true;
      batch.push(each);
      return false;
    });
    const request = ++this.#request;
    this.#sent.set(request, batch);
    const lowest = this.#lowest;
    const events = batch.map((each): Event => {
      each.attempts++;
      const { producer, incarnation } = this.#config;
      const { seq, type, payload } = each;
      return { id: { producer, incarnation, seq }, type, payload, traceparent: "", lowest };
    });
    if (way === "direct") out.push({ kind: "enqueue", request, events });
    else out.push({ kind: "report", request, transponder: way === "any" ? undefined : way.slice(1), events });
  }

  /** `direct`, `any` transponder, or `@NAME`. */
  #wayOf({ attempts, mergeKey }: Waiting): string {
    if (this.#transponders.length === 0 || attempts % 2 === 1) return "direct";
    return mergeKey === undefined || attempts > 0 ? "any" : `@${rendezvous(mergeKey, this.#transponders, 1)[0]}`;
  }

  #onAnswer(
    request: number,
    outcomes: readonly EventOutcome[] | undefined,
    nowMs: number,
    out: ProducerOutput[],
  ): void {
    const batch = this.#sent.get(request);
    if (batch === undefined) return;
    this.#sent.delete(request);
    const again = batch.filter((each, at) => !this.#conclude(each, outcomes?.[at], out));
    if (again.length === 0) {
      this.#failures = 0;
      return;
    }
    this.#queue = [...again, ...this.#queue].sort((a, b) => a.seq - b.seq);
    // A way that was never tried needs no waiting.
    if (outcomes === undefined && again.every((each) => each.attempts === 1)) return;
    const spanMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures++, 10));
    this.#isBackingOff = true;
    out.push({ kind: "timer", name: "backoff", atMs: nowMs + spanMs * (0.5 + this.#random / 2) });
  }

  /** True when the event needs no further attempt. */
  #conclude(each: Waiting, outcome: EventOutcome | undefined, out: ProducerOutput[]): boolean {
    const isDurable = outcome?.kind === "stored" || outcome?.kind === "duplicate" || outcome?.kind === "merged";
    if (!isDurable && outcome?.kind !== "refused") return false;
    this.#unanswered.delete(each.seq);
    const done: PromulgateOutcome = isDurable ? { kind: "stored" } : { kind: "refused", message: outcome.message };
    out.push({ kind: "done", token: each.token, outcome: done });
    return true;
  }
}
