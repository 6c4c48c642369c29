import { BATCH_EVENTS_MAX, type EventOutcome } from "@halon/event-queue";
import type { Event, NodeUnreachable, ReportOutcome } from "@halon/proto";
import { assert } from "@halon/runtime";
import { mergeAccusations } from "./merge-accusations.ts";

/** Reports wait for others at most this long. */
export const GATHER_MS = 150;
/** Events of one report. */
export const REPORT_EVENTS_MAX = 256;
/** Reports, and events in them, that may wait to be durable; a further report is answered `retry`. */
export const HELD_REPORTS_MAX = 4_096;
export const HELD_EVENTS_MAX = 16_384;
export const HELD_BYTES_MAX = 32 * 1024 * 1024;
/** A report that is not durable by then gets no answer: its reporter has long sent it another way. */
export const HOLD_MS = 2_500;
/** Stores under way; meanwhile more gathers. */
export const STORES_MAX = 16;
const STORE_BYTES_MAX = 200 * 1024;
const EXPIRE_EVERY_MS = 500;
/** Of an event besides its payload, about. */
const EVENT_OVERHEAD_BYTES = 128;

export type UplinkInput =
  | { readonly kind: "report"; readonly token: number; readonly events: readonly Event[] }
  /** What a `store` or `submit` came to, one outcome per event; `undefined` when it is not known. */
  | { readonly kind: "stored"; readonly store: number; readonly outcomes: readonly EventOutcome[] | undefined }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type UplinkOutput =
  /** Put into the queue under the ids that the events have. */
  | { readonly kind: "store"; readonly store: number; readonly events: readonly Event[] }
  /** Put into the queue under an id of this transponder's own. */
  | { readonly kind: "submit"; readonly store: number; readonly unreachable: NodeUnreachable }
  | { readonly kind: "answer"; readonly token: number; readonly outcomes: readonly ReportOutcome[] }
  /** The report gets no answer. */
  | { readonly kind: "forget"; readonly token: number }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

interface Held {
  readonly token: number;
  readonly expiresMs: number;
  readonly bytes: number;
  readonly outcomes: (ReportOutcome | undefined)[];
  missing: number;
}

/** One event of a report that waits. */
interface Item {
  readonly held: Held;
  readonly at: number;
  readonly event: Event;
}

const bytesOf = (events: readonly Event[]): number =>
  events.reduce((sum, { payload }) => sum + payload.byteLength + EVENT_OVERHEAD_BYTES, 0);

/**
 * The way up; sans-IO. Gathers reports for a moment, merges those about the same failure, and acknowledges a reporter
 * when all its events are durable, in its own words or in a merged one. Holds nothing that a reporter relies on: what it
 * loses, the reporter repeats.
 */
export class UplinkCore {
  readonly #held = new Map<number, Held>();
  #heldEvents = 0;
  #heldBytes = 0;
  #gathered: Item[] = [];
  /** Since when the oldest of `#gathered` waits. */
  #gatheringMs = 0;
  /** Per store, for each event stored, whom that concerns. */
  readonly #stores = new Map<number, readonly (readonly Item[])[]>();
  /** Of `#stores`, those that end by themselves in bounded time. */
  #storing = 0;
  #store = 0;
  #expireMs = Number.POSITIVE_INFINITY;
  readonly #counters = { received: 0, merged: 0, forwarded: 0, acknowledged: 0, refused: 0, retried: 0, unanswered: 0 };

  get status(): Readonly<Record<string, unknown>> {
    return { held: this.#held.size, storing: this.#stores.size, counters: this.#counters };
  }

  step(input: UplinkInput, nowMs: number): readonly UplinkOutput[] {
    const out: UplinkOutput[] = [];
    switch (input.kind) {
      case "report":
        this.#onReport(input.token, input.events, nowMs, out);
        break;
      case "stored":
        this.#onStored(input.store, input.outcomes, out);
        break;
      case "timer":
        break;
      default:
        input satisfies never;
    }
    if (nowMs >= this.#expireMs) this.#expire(nowMs, out);
    const isDue = nowMs >= this.#gatheringMs + GATHER_MS || this.#gathered.length >= BATCH_EVENTS_MAX;
    if (isDue && this.#gathered.length > 0 && this.#storing < STORES_MAX) this.#flush(out);
    this.#setExpiry(nowMs, out);
    return out;
  }

  #onReport(token: number, events: readonly Event[], nowMs: number, out: UplinkOutput[]): void {
    const bytes = bytesOf(events);
    this.#counters.received += events.length;
    const answerAll = (kind: string, message: string): void => {
      out.push({ kind: "answer", token, outcomes: events.map(() => ({ kind, message })) });
    };
    if (events.length > REPORT_EVENTS_MAX) {
      this.#counters.refused += events.length;
      return answerAll(
        "refused",
        `report of ${events.length} events: at most ${REPORT_EVENTS_MAX} are allowed; split it`,
      );
    }
    const isFull =
      this.#held.size >= HELD_REPORTS_MAX ||
      this.#heldEvents + events.length > HELD_EVENTS_MAX ||
      this.#heldBytes + bytes > HELD_BYTES_MAX;
    if (isFull) {
      this.#counters.retried += events.length;
      return answerAll("retry", "too many reports wait at this transponder");
    }
    if (events.length === 0) return answerAll("stored", "");
    const held: Held = {
      token,
      expiresMs: nowMs + HOLD_MS,
      bytes,
      outcomes: events.map(() => undefined),
      missing: events.length,
    };
    this.#held.set(token, held);
    this.#heldEvents += events.length;
    this.#heldBytes += bytes;
    if (this.#gathered.length === 0) {
      this.#gatheringMs = nowMs;
      out.push({ kind: "timer", name: "flush", atMs: nowMs + GATHER_MS });
    }
    for (const [at, event] of events.entries()) this.#gathered.push({ held, at, event });
  }

  #flush(out: UplinkOutput[]): void {
    // What nobody waits for any more has gone another way.
    const items = this.#gathered.filter(({ held }) => this.#held.has(held.token));
    this.#gathered = [];
    out.push({ kind: "timer", name: "flush", atMs: undefined });
    const { merged, rest } = mergeAccusations(items);
    for (const { unreachable, items: reports } of merged) {
      this.#stores.set(++this.#store, [reports]);
      this.#counters.merged += reports.length;
      this.#counters.forwarded++;
      out.push({ kind: "submit", store: this.#store, unreachable });
    }
    for (const chunk of chunksOf(rest)) {
      this.#stores.set(
        ++this.#store,
        chunk.map((item) => [item]),
      );
      this.#storing++;
      this.#counters.forwarded += chunk.length;
      out.push({ kind: "store", store: this.#store, events: chunk.map(({ event }) => event) });
    }
  }

  #onStored(store: number, outcomes: readonly EventOutcome[] | undefined, out: UplinkOutput[]): void {
    const events = this.#stores.get(store);
    assert(events !== undefined, `outcome of store ${store}, which is not under way`);
    this.#stores.delete(store);
    const isMerged = events.some((items) => items.length > 1);
    if (!isMerged) this.#storing--;
    for (const [at, items] of events.entries())
      for (const item of items) this.#settle(item, outcomeOf(outcomes?.[at], isMerged), out);
  }

  /** `undefined`: its report gets no answer. */
  #settle({ held, at }: Item, outcome: ReportOutcome | undefined, out: UplinkOutput[]): void {
    if (!this.#held.has(held.token)) return;
    if (outcome === undefined) return this.#forget(held, out);
    assert(held.outcomes[at] === undefined, `event ${at} of report ${held.token} settled twice`);
    held.outcomes[at] = outcome;
    if (--held.missing > 0) return;
    this.#release(held);
    const outcomes = held.outcomes.filter((each) => each !== undefined);
    this.#counters.acknowledged += outcomes.filter(({ kind }) => kind !== "refused" && kind !== "retry").length;
    out.push({ kind: "answer", token: held.token, outcomes });
  }

  #release(held: Held): void {
    this.#held.delete(held.token);
    this.#heldEvents -= held.outcomes.length;
    this.#heldBytes -= held.bytes;
  }

  /** Oldest first: they came in that order and wait equally long. */
  #expire(nowMs: number, out: UplinkOutput[]): void {
    for (const held of this.#held.values()) {
      if (held.expiresMs > nowMs) return;
      this.#forget(held, out);
    }
  }

  #forget(held: Held, out: UplinkOutput[]): void {
    this.#counters.unanswered += held.outcomes.length;
    this.#release(held);
    out.push({ kind: "forget", token: held.token });
  }

  #setExpiry(nowMs: number, out: UplinkOutput[]): void {
    if (nowMs >= this.#expireMs) this.#expireMs = Number.POSITIVE_INFINITY;
    if (this.#held.size === 0 || this.#expireMs < Number.POSITIVE_INFINITY) return;
    this.#expireMs = nowMs + EXPIRE_EVERY_MS;
    out.push({ kind: "timer", name: "expire", atMs: this.#expireMs });
  }
}

function outcomeOf(outcome: EventOutcome | undefined, isMerged: boolean): ReportOutcome | undefined {
  if (outcome === undefined) return undefined;
  const { kind, message } = outcome;
  if (kind === "full") return { kind: "retry", message };
  if (kind === "stored" && isMerged) return { kind: "merged", message };
  return { kind, message };
}

/** In order, each small enough for one command of the log. */
function chunksOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const chunks: Item[][] = [];
  let last: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += bytesOf([item.event]);
    if (last.length === 0 || last.length >= BATCH_EVENTS_MAX || bytes > STORE_BYTES_MAX) {
      last = [];
      chunks.push(last);
      bytes = bytesOf([item.event]);
    }
    last.push(item);
  }
  return chunks;
}
