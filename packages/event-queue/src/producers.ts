import type { Transaction, View } from "@halon/replicated-log";
import { readJson, writeJson } from "./queue-counts.ts";
import { endFrom, type Spans, startFrom, withoutBelow, withSpan } from "./spans.ts";

/** Sequence numbers that a producer may have without an answer. */
export const WINDOW = 16_384;
/** Gaps among them; an event that would make another is answered `full`. */
export const GAPS_MAX = 64;
/** Producers remembered. A further one makes the queue forget the one that was silent for the longest log time. */
export const PRODUCERS_MAX = 262_144;
/** A producer that was silent for that long, in log time, is forgotten. */
export const FORGET_MS = 24 * 3_600_000;
/** None is forgotten sooner, however many there are: a further one is not admitted. */
export const HEARD_MS = 600_000;
/** When a producer was last heard is noted this coarsely, so that a busy one does not write it each time. */
const USED_GRAIN_MS = 60_000;
/** Producers that one command forgets at most. */
const FORGET_COUNT_MAX = 16;

interface Known {
  /** Every number below it was answered. */
  low: number;
  /** Numbers above `low` that were stored. */
  seen: Spans;
  usedMs: number;
}

interface Register {
  count: number;
  /** Nobody is to be forgotten before. */
  dueMs: number;
}

const REGISTER_KEY = "qpc";
const PREFIX = "qp/";
const USED_PREFIX = "qu/";
const USED_END = "qu0";
const usedKey = (usedMs: number, name: string): string =>
  `${USED_PREFIX}${usedMs.toString().padStart(16, "0")}/${name}`;
const USED_CHARS = usedKey(0, "").length;

/** Events that follow each other, and what is to become of them. */
export interface Verdict {
  readonly kind: "new" | "duplicate" | "full" | "refused";
  readonly count: number;
}

export interface Numbers {
  readonly first: number;
  readonly count: number;
  readonly lowest: number;
}

export const producerCount = (view: View): number => {
  const bytes = view.get(REGISTER_KEY);
  return bytes === undefined ? 0 : readJson<Register>(bytes).count;
};

/** What each producer has been told, for the span of one command: makes a repeated event a `duplicate`. */
export class Producers {
  readonly #state: Transaction;
  readonly #logTimeMs: number;
  readonly #touched = new Map<string, Known>();
  readonly #register: Register;
  #isRegisterChanged = false;

  constructor(state: Transaction, logTimeMs: number) {
    this.#state = state;
    this.#logTimeMs = logTimeMs;
    const bytes = state.get(REGISTER_KEY);
    this.#register = bytes === undefined ? { count: 0, dueMs: 0 } : readJson<Register>(bytes);
  }

  isKnown(name: string): boolean {
    return this.#load(name) !== undefined;
  }

  /** False when there are too many that were heard lately. A known one is noted as heard. */
  admit(name: string): boolean {
    const known = this.#load(name);
    if (known !== undefined) this.#note(name, known);
    else if (this.#register.count >= PRODUCERS_MAX && this.#forget(1, this.#logTimeMs - HEARD_MS) === 0) return false;
    else {
      this.#register.count++;
      this.#isRegisterChanged = true;
      this.#touched.set(name, { low: 1, seen: [], usedMs: this.#logTimeMs });
      this.#state.put(usedKey(this.#logTimeMs, name), new Uint8Array(0));
    }
    return true;
  }

  /** Notes those that are new as taken, at most `room` of them. `name` is known. */
  take(name: string, { first, count, lowest }: Numbers, room: number): readonly Verdict[] {
    const known = this.#load(name) as Known;
    this.#note(name, known);
    // Never back: what is forgotten to be known could be stored again.
    known.low = endFrom(known.seen, Math.max(known.low, Math.min(lowest, first)));
    known.seen = withoutBelow(known.seen, known.low);
    const verdicts: Verdict[] = [];
    let left = room;
    for (let at = first; at < first + count; ) {
      const { kind, to } = this.#judge(known, at, first + count, left);
      if (kind === "new") {
        left -= to - at;
        if (at > known.low) known.seen = withSpan(known.seen, at, to);
        else {
          known.low = endFrom(known.seen, to);
          known.seen = withoutBelow(known.seen, known.low);
        }
      }
      verdicts.push({ kind, count: to - at });
      at = to;
    }
    return verdicts;
  }

  /** Forgets those that were silent for too long, a few at a time; says how many. */
  forgetSilent(): number {
    if (this.#logTimeMs < this.#register.dueMs) return 0;
    const forgotten = this.#forget(FORGET_COUNT_MAX, this.#logTimeMs - FORGET_MS);
    if (forgotten === FORGET_COUNT_MAX) return forgotten;
    const [oldest] = this.#state.range({ from: USED_PREFIX, to: USED_END, limit: 1 });
    const usedMs = oldest === undefined ? this.#logTimeMs : Number(oldest[0].slice(USED_PREFIX.length, USED_CHARS - 1));
    this.#register.dueMs = usedMs + FORGET_MS + 1;
    this.#isRegisterChanged = true;
    return forgotten;
  }

  /** Writes back what has changed. */
  write(): void {
    for (const [name, known] of this.#touched) this.#state.put(PREFIX + name, writeJson(known));
    if (this.#isRegisterChanged) this.#state.put(REGISTER_KEY, writeJson(this.#register));
  }

  /** What is to become of the event `at`, and up to where (exclusive, at most `end`) the same holds. */
  #judge({ low, seen }: Known, at: number, end: number, room: number): { kind: Verdict["kind"]; to: number } {
    if (at < low) return { kind: "duplicate", to: Math.min(end, low) };
    const seenTo = endFrom(seen, at);
    if (seenTo > at) return { kind: "duplicate", to: Math.min(end, seenTo) };
    if (at >= low + WINDOW) return { kind: "refused", to: end };
    const to = Math.min(end, startFrom(seen, at), low + WINDOW);
    const isGap = at > low && !seen.some(([from, until]) => until === at || from === to);
    if (room <= 0 || (isGap && seen.length >= GAPS_MAX)) return { kind: "full", to };
    return { kind: "new", to: Math.min(to, at + room) };
  }

  /** Forgets those last heard before `beforeMs`, the longest silent first. */
  #forget(countMax: number, beforeMs: number): number {
    let forgotten = 0;
    for (const [key] of this.#state.range({ from: USED_PREFIX, to: USED_END, limit: countMax })) {
      if (Number(key.slice(USED_PREFIX.length, USED_CHARS - 1)) >= beforeMs) break;
      const name = key.slice(USED_CHARS);
      this.#state.delete(key);
      this.#state.delete(PREFIX + name);
      this.#touched.delete(name);
      this.#register.count--;
      this.#isRegisterChanged = true;
      forgotten++;
    }
    return forgotten;
  }

  /** At once, so that a producer in use is never the one that was silent for the longest time. */
  #note(name: string, known: Known): void {
    this.#touched.set(name, known);
    if (this.#logTimeMs - known.usedMs < USED_GRAIN_MS) return;
    this.#state.delete(usedKey(known.usedMs, name));
    known.usedMs = this.#logTimeMs;
    this.#state.put(usedKey(known.usedMs, name), new Uint8Array(0));
  }

  #load(name: string): Known | undefined {
    const touched = this.#touched.get(name);
    if (touched !== undefined) return touched;
    const bytes = this.#state.get(PREFIX + name);
    return bytes === undefined ? undefined : readJson<Known>(bytes);
  }
}
