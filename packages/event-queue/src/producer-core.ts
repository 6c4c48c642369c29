import type { Event, EventGroup } from "@halon/proto";
import { EVENT_BYTES_MAX } from "./event-group.ts";
import type { EventOutcome, PromulgateOutcome } from "./outcomes.ts";
import { Outgoing, type Waiting } from "./outgoing.ts";
import { type LaneNumber, laneOf } from "./priority.ts";
import { rendezvous } from "./rendezvous.ts";

export type ProducerInput =
  | {
      readonly kind: "promulgate";
      readonly token: number;
      readonly type: string;
      readonly payload: Uint8Array;
      /** Events with the same key are about the same thing, and may be merged on their way. */
      readonly mergeKey: string | undefined;
      /** As in the wire's `Event`: 0 for what goes with the type. */
      readonly priority: 0 | LaneNumber;
      /** Whether it waits in line when too much is waiting, or ends as `full`. */
      readonly mayWait: boolean;
    }
  /** Whether the queue knows this producer now; `undefined` when there was no answer. */
  | { readonly kind: "registered"; readonly isKnown: boolean | undefined }
  /** What a request came to, outcomes in the order of its events; `undefined` when there was no answer. */
  | { readonly kind: "answer"; readonly request: number; readonly outcomes: readonly EventOutcome[] | undefined }
  | { readonly kind: "transponders"; readonly names: readonly string[] }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type ProducerOutput =
  /** Have the queue know this producer; answer with `registered`. */
  | { readonly kind: "register"; readonly producer: string; readonly incarnation: string }
  /** Send to a transponder by name, or to any of them. */
  | {
      readonly kind: "report";
      readonly request: number;
      readonly transponder: string | undefined;
      readonly events: readonly Event[];
    }
  /** Store in the queue, without a transponder in between. */
  | { readonly kind: "enqueue"; readonly request: number; readonly groups: readonly EventGroup[] }
  | { readonly kind: "done"; readonly token: number; readonly outcome: PromulgateOutcome }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

export interface ProducerConfig {
  /** Name and incarnation of this producer: events are numbered within them. */
  readonly producer: string;
  readonly incarnation: string;
  /** Events that may wait here. */
  readonly waitingMax?: number;
}

/** Events that wait here, sent or not, and bytes of them. */
export const WAITING_MAX = 16_384;
export const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Events whose submitters wait in line for room; a further one ends as `full`. */
export const LINE_MAX = 1_024;
/** Requests under way at a time; meanwhile further events gather and then travel together. */
const REQUESTS_MAX = 2;
/** While a request is under way, what is not urgent gathers up to there before it travels beside it. */
const GATHER_BYTES = 48 * 1024;
const GATHER_EVENTS = 512;
/** Events of a report to a transponder. */
export const BATCH_EVENTS_MAX = 256;
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 1_000;
/**
 * An event that was sent once, and answered `forgotten` within this time, was not stored: the queue forgets nobody sooner
 * than {@link HEARD_MS} after it was heard. It is sent again under a new incarnation.
 */
const SURE_MS = 300_000;

const SEND_TIMER = "send";

/**
 * The submitter's side of the queue; sans-IO. Repeats each event under one id, for ever, until it is durable: through a
 * transponder where there is one, and every second time straight to the stations. Events of one producer and priority
 * that are awaited one after the other keep their order; those that are submitted together travel together. Begin with a
 * `timer` input.
 */
export class ProducerCore {
  readonly #config: Required<ProducerConfig>;
  readonly #outgoing: Outgoing;
  /** Submitters that wait for room, in order. */
  #line: Waiting[] = [];
  readonly #sent = new Map<number, readonly Waiting[]>();
  #lives = 1;
  /** Whether the queue knows this incarnation. */
  #registration: "none" | "asked" | "done" = "none";
  #transponders: readonly string[] = [];
  #request = 0;
  #failures = 0;
  #random = 0.5;
  #isBackingOff = false;
  #isSendDue = false;
  /** Cumulative. */
  readonly #counters = { full: 0, forgotten: 0 };

  constructor(config: ProducerConfig) {
    this.#config = { waitingMax: WAITING_MAX, ...config };
    this.#outgoing = new Outgoing(config.producer, config.incarnation);
  }

  /** Events without an answer. */
  get waiting(): number {
    return this.#outgoing.count + this.#line.length;
  }

  /** For people and their tools. */
  get status(): Readonly<Record<string, unknown>> {
    const { count, bytes } = this.#outgoing;
    const { incarnation } = this.#outgoing;
    return {
      waiting: count,
      bytes,
      inLine: this.#line.length,
      failures: this.#failures,
      incarnation,
      ...this.#counters,
    };
  }

  step(input: ProducerInput, nowMs: number): readonly ProducerOutput[] {
    const out: ProducerOutput[] = [];
    switch (input.kind) {
      case "promulgate":
        this.#onPromulgate(input, nowMs, out);
        return out;
      case "registered":
        this.#registration = input.isKnown === true ? "done" : "none";
        if (input.isKnown !== true) this.#backOff(nowMs, out);
        break;
      case "answer":
        this.#onAnswer(input.request, input.outcomes, nowMs, out);
        break;
      case "transponders":
        this.#transponders = input.names;
        break;
      case "timer":
        this.#random = input.random;
        if (input.name === SEND_TIMER) this.#isSendDue = false;
        else this.#isBackingOff = false;
        break;
      default:
        input satisfies never;
    }
    this.#sendAll(nowMs, out);
    return out;
  }

  #onPromulgate(input: ProducerInput & { kind: "promulgate" }, nowMs: number, out: ProducerOutput[]): void {
    const { token, type, payload, mergeKey, priority, mayWait } = input;
    const bytes = payload.byteLength;
    if (bytes > EVENT_BYTES_MAX) {
      const message = `event of ${bytes} bytes: at most ${EVENT_BYTES_MAX} are allowed; submit a reference instead`;
      out.push({ kind: "done", token, outcome: { kind: "refused", message } });
      return;
    }
    const lane = laneOf(type, priority);
    const waiting: Waiting = { token, type, payload, mergeKey, priority, lane, seq: 0, attempts: 0, sentMs: 0 };
    if (this.#line.length === 0 && this.#hasRoom(bytes)) this.#outgoing.push(waiting);
    else if (mayWait && this.#line.length < LINE_MAX) this.#line.push(waiting);
    else {
      this.#counters.full++;
      out.push({ kind: "done", token, outcome: { kind: "full" } });
      return;
    }
    if (this.#isSendDue) return;
    // What else is submitted at this time goes along.
    this.#isSendDue = true;
    out.push({ kind: "timer", name: SEND_TIMER, atMs: nowMs });
  }

  #hasRoom(bytes: number): boolean {
    const { count, bytes: held } = this.#outgoing;
    return count < this.#config.waitingMax && (count === 0 || held + bytes <= WAITING_BYTES_MAX);
  }

  #sendAll(nowMs: number, out: ProducerOutput[]): void {
    for (let [next] = this.#line; next !== undefined && this.#hasRoom(next.payload.byteLength); [next] = this.#line) {
      this.#line.shift();
      this.#outgoing.push(next);
    }
    if (this.#isBackingOff) return;
    // Before there is anything to say: a first event is not late for it.
    if (this.#registration === "none") {
      this.#registration = "asked";
      const { producer } = this.#config;
      out.push({ kind: "register", producer, incarnation: this.#outgoing.incarnation });
    }
    if (this.#registration !== "done") return;
    while (this.#maySend()) {
      const isSent = this.#send(nowMs, out);
      if (!isSent) return;
    }
  }

  #maySend(): boolean {
    if (this.#sent.size >= REQUESTS_MAX || !this.#outgoing.hasWork) return false;
    if (this.#sent.size === 0 || this.#outgoing.isPressing) return true;
    const { freshCount, freshBytes } = this.#outgoing;
    return freshCount >= GATHER_EVENTS || freshBytes >= GATHER_BYTES;
  }

  /** One request: the first event that waits, and all behind it that go the same way. False when the window is full. */
  #send(nowMs: number, out: ProducerOutput[]): boolean {
    const way = this.#outgoing.first((each) => this.#wayOf(each));
    if (way === undefined) return false;
    const isDirect = way === "direct";
    const countMax = isDirect ? Number.POSITIVE_INFINITY : BATCH_EVENTS_MAX;
    const batch = this.#outgoing.take(countMax, nowMs, (each) => this.#wayOf(each) === way);
    if (batch.length === 0) return false;
    const request = ++this.#request;
    this.#sent.set(request, batch);
    if (isDirect) out.push({ kind: "enqueue", request, groups: this.#outgoing.groupsOf(batch) });
    else {
      const transponder = way === "any" ? undefined : way.slice(1);
      out.push({ kind: "report", request, transponder, events: this.#outgoing.eventsOf(batch) });
    }
    return true;
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
    const again: Waiting[] = [];
    const forgotten: Waiting[] = [];
    let at = 0;
    for (const outcome of outcomes ?? []) {
      const end = Math.min(batch.length, at + (outcome.count || 1));
      for (; at < end; at++) {
        const each = batch[at] as Waiting;
        if (outcome.kind === "forgotten") forgotten.push(each);
        else if (!this.#conclude(each, outcome, out)) again.push(each);
      }
    }
    again.push(...batch.slice(at));
    if (forgotten.length > 0) return this.#onForgotten([...forgotten, ...again], nowMs, out);
    if (again.length === 0) {
      this.#failures = 0;
      return;
    }
    this.#outgoing.again(again);
    // A way that was never tried needs no waiting.
    if (outcomes === undefined && again.every((each) => each.attempts === 1)) return;
    this.#backOff(nowMs, out);
  }

  #backOff(nowMs: number, out: ProducerOutput[]): void {
    const spanMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures++, 10));
    this.#isBackingOff = true;
    out.push({ kind: "timer", name: "backoff", atMs: nowMs + spanMs * (0.5 + this.#random / 2) });
  }

  /** True when the event needs no further attempt. */
  #conclude(each: Waiting, outcome: EventOutcome, out: ProducerOutput[]): boolean {
    const isDurable = outcome.kind === "stored" || outcome.kind === "duplicate" || outcome.kind === "merged";
    if (!isDurable && outcome.kind !== "refused") return false;
    this.#outgoing.remove(each);
    const done: PromulgateOutcome = isDurable ? { kind: "stored" } : { kind: "refused", message: outcome.message };
    out.push({ kind: "done", token: each.token, outcome: done });
    return true;
  }

  /** All that was numbered ends here, but for what was surely not stored. A new incarnation goes on. */
  #onForgotten(answered: readonly Waiting[], nowMs: number, out: ProducerOutput[]): void {
    this.#counters.forgotten++;
    const { producer, incarnation } = this.#config;
    const code = "ProducerForgotten";
    const message = `${code}: the queue has not heard ${producer}/${this.#outgoing.incarnation} for too long; whether the event was stored is not known. Submit it again if twice does no harm`;
    const isSure = (each: Waiting): boolean =>
      each.attempts === 1 && nowMs - each.sentMs < SURE_MS && answered.includes(each);
    for (const each of this.#outgoing.renew(`${incarnation}-${++this.#lives}`, isSure))
      out.push({ kind: "done", token: each.token, outcome: { kind: "unknown", code, message } });
    this.#sent.clear();
    this.#registration = "none";
  }
}
