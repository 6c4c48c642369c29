import type { EventId } from "@halon/proto";
import type { Transaction } from "@halon/replicated-log";

/** Sequence numbers that a producer may have without an answer. */
export const WINDOW = 1_024;
/** Producers remembered. A further one makes the queue forget the one that was silent for the longest log time. */
export const PRODUCERS_MAX = 65_536;
/** When a producer was last heard is noted this coarsely, so that a busy one does not write it each time. */
const USED_GRAIN_MS = 60_000;

interface Known {
  /** Every number below it was answered. */
  low: number;
  /** Numbers from `low` on that were stored. */
  seen: number[];
  usedMs: number;
}

const COUNT_KEY = "qpc";
const PREFIX = "qp/";
const USED_PREFIX = "qu/";
const USED_END = "qu0";
const nameOf = (id: EventId): string => `${id.producer}/${id.incarnation}`;
const usedKey = (usedMs: number, name: string): string =>
  `${USED_PREFIX}${usedMs.toString().padStart(16, "0")}/${name}`;

const text = new TextEncoder();
const read = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** What each producer has been told, for the span of one command: makes a repeated event a `duplicate`. */
export class Producers {
  readonly #state: Transaction;
  readonly #logTimeMs: number;
  readonly #touched = new Map<string, Known>();

  constructor(state: Transaction, logTimeMs: number) {
    this.#state = state;
    this.#logTimeMs = logTimeMs;
  }

  /** True when this event was taken before. */
  isKnown(id: EventId): boolean {
    const known = this.#load(nameOf(id));
    return known !== undefined && (id.seq < known.low || known.seen.includes(id.seq));
  }

  /** Notes the event as taken, unless it was (`duplicate`) or is beyond the window (`refused`). */
  take(id: EventId, lowest: number): "new" | "duplicate" | "refused" {
    const name = nameOf(id);
    const known = this.#load(name) ?? this.#admit(name);
    this.#touched.set(name, known);
    // At once, so that a producer in use is never the one that was silent for the longest time.
    this.#noteUse(name, known);
    // Never back: what is forgotten to be known could be stored again.
    known.low = Math.max(known.low, Math.min(lowest, id.seq));
    known.seen = known.seen.filter((seq) => seq >= known.low);
    if (id.seq < known.low || known.seen.includes(id.seq)) return "duplicate";
    if (id.seq >= known.low + WINDOW) return "refused";
    known.seen.push(id.seq);
    while (known.seen.includes(known.low)) {
      known.seen.splice(known.seen.indexOf(known.low), 1);
      known.low++;
    }
    return "new";
  }

  /** Writes back what has changed. */
  write(): void {
    for (const [name, known] of this.#touched) this.#state.put(PREFIX + name, text.encode(JSON.stringify(known)));
  }

  #noteUse(name: string, known: Known): void {
    if (this.#logTimeMs - known.usedMs < USED_GRAIN_MS) return;
    this.#state.delete(usedKey(known.usedMs, name));
    known.usedMs = this.#logTimeMs;
    this.#state.put(usedKey(known.usedMs, name), new Uint8Array(0));
  }

  #load(name: string): Known | undefined {
    const touched = this.#touched.get(name);
    if (touched !== undefined) return touched;
    const bytes = this.#state.get(PREFIX + name);
    return bytes === undefined ? undefined : read<Known>(bytes);
  }

  #admit(name: string): Known {
    const bytes = this.#state.get(COUNT_KEY);
    let count = bytes === undefined ? 0 : read<number>(bytes);
    if (count >= PRODUCERS_MAX) {
      const [oldest] = this.#state.range({ from: USED_PREFIX, to: USED_END, limit: 1 });
      if (oldest !== undefined) {
        const forgotten = oldest[0].slice(usedKey(0, "").length);
        this.#state.delete(oldest[0]);
        this.#state.delete(PREFIX + forgotten);
        this.#touched.delete(forgotten);
        count--;
      }
    }
    this.#state.put(COUNT_KEY, text.encode(JSON.stringify(count + 1)));
    this.#state.put(usedKey(this.#logTimeMs, name), new Uint8Array(0));
    return { low: 1, seen: [], usedMs: this.#logTimeMs };
  }
}
