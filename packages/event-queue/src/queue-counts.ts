import type { Transaction, View } from "@halon/replicated-log";
import { LANES, type LaneNumber } from "./priority.ts";

/** Events that may wait to be consumed, and bytes of them; further ones are answered `full`, and their producers hold them. */
export const EVENTS_MAX = 1_000_000;
export const QUEUE_BYTES_MAX = 512 * 1024 * 1024;
/** What events below `urgent` may take of that, those of `bulk` alone, and those of any one type. */
const NORMAL_SHARE = 0.8;
const BULK_SHARE = 0.5;
const TYPE_SHARE = 0.5;

/** What is counted since the group was founded. `forgotten`: producers; `producerForgotten`: events of such. */
export const COUNTERS = [
  "stored",
  "consumed",
  "cleared",
  "duplicates",
  "full",
  "refused",
  "forgotten",
  "producerForgotten",
] as const;
export type CounterName = (typeof COUNTERS)[number];

export interface Amount {
  readonly events: number;
  readonly bytes: number;
}

interface LaneAmount extends Amount {
  /** No group of the lane stands before this position: who looks for one need not look at what is long gone. */
  readonly head: number;
  /** Position of the newest event that was ever stored in the lane, since this is noted; 0 before the first. */
  readonly newest?: number;
}

interface Stored {
  /** By lane, from `urgent` on. */
  readonly lanes: readonly LaneAmount[];
  readonly counters: Readonly<Record<CounterName, number>>;
}

const NOTHING: Amount = { events: 0, bytes: 0 };
const EMPTY: LaneAmount = { ...NOTHING, head: 0, newest: 0 };
const COUNTS_KEY = "qs";
export const TYPE_PREFIX = "qt/";
export const TYPE_END = "qt0";

const text = new TextEncoder();
export const readJson = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;
export const writeJson = (value: unknown): Uint8Array => text.encode(JSON.stringify(value));

function load(view: View): Stored {
  const bytes = view.get(COUNTS_KEY);
  if (bytes !== undefined) return readJson<Stored>(bytes);
  return {
    lanes: LANES.map(() => EMPTY),
    counters: Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<CounterName, number>,
  };
}

/** Where to begin to look for groups of a lane. */
export const headOf = (view: View, lane: LaneNumber): number => load(view).lanes[lane - 1]?.head ?? 0;

/** By lane, from `urgent` on: the position of the newest event that was ever stored; 0 before the first. */
export const newestByLane = (view: View): readonly number[] => load(view).lanes.map(({ newest = 0 }) => newest);

/** How much waits, and what has become of what came. */
export const countsOf = (view: View): Stored => load(view);

/** The same, for the span of one command that changes it. */
export class QueueCounts {
  readonly #state: Transaction;
  readonly #lanes: LaneAmount[];
  readonly #counters: Record<CounterName, number>;
  readonly #types = new Map<string, Amount>();

  constructor(state: Transaction) {
    const { lanes, counters } = load(state);
    this.#state = state;
    this.#lanes = [...lanes];
    this.#counters = { ...counters };
  }

  /** How many more events of that type may wait in that lane. Bytes may come to be above their limit by one message. */
  room(lane: LaneNumber, type: string): number {
    const [urgent, normal, bulk] = this.#lanes as [LaneAmount, LaneAmount, LaneAmount];
    const sums: readonly (readonly [share: number, ...of: Amount[]])[] = [
      [1, urgent, normal, bulk],
      ...(lane > 1 ? [[NORMAL_SHARE, normal, bulk] as const] : []),
      ...(lane > 2 ? [[BULK_SHARE, bulk] as const] : []),
      [TYPE_SHARE, this.#type(type)],
    ];
    const rooms = sums.map(([share, ...amounts]) => {
      const bytes = amounts.reduce((sum, each) => sum + each.bytes, 0);
      const events = amounts.reduce((sum, each) => sum + each.events, 0);
      return bytes >= QUEUE_BYTES_MAX * share ? 0 : EVENTS_MAX * share - events;
    });
    return Math.max(0, Math.min(...rooms));
  }

  /** Events up to position `newest` have come. */
  store(lane: LaneNumber, type: string, amount: Amount, newest: number): void {
    this.#add(lane, type, amount);
    this.#lanes[lane - 1] = { ...(this.#lanes[lane - 1] ?? EMPTY), newest };
  }

  #add(lane: LaneNumber, type: string, { events, bytes }: Amount): void {
    const before = this.#lanes[lane - 1] ?? EMPTY;
    this.#lanes[lane - 1] = { ...before, events: before.events + events, bytes: before.bytes + bytes };
    const known = this.#type(type);
    this.#types.set(type, { events: known.events + events, bytes: known.bytes + bytes });
  }

  remove(lane: LaneNumber, type: string, { events, bytes }: Amount): void {
    this.#add(lane, type, { events: -events, bytes: -bytes });
  }

  /** No group of the lane that begins from `first` on begins before `head` any more. */
  advance(lane: LaneNumber, first: number, head: number): void {
    const before = this.#lanes[lane - 1] ?? EMPTY;
    if (first <= before.head) this.#lanes[lane - 1] = { ...before, head: Math.max(before.head, head) };
  }

  count(name: CounterName, by: number): void {
    this.#counters[name] += by;
  }

  write(): void {
    this.#state.put(COUNTS_KEY, writeJson({ lanes: this.#lanes, counters: this.#counters } satisfies Stored));
    for (const [type, amount] of this.#types)
      if (amount.events === 0) this.#state.delete(TYPE_PREFIX + type);
      else this.#state.put(TYPE_PREFIX + type, writeJson(amount));
  }

  #type(type: string): Amount {
    const bytes = this.#types.has(type) ? undefined : this.#state.get(TYPE_PREFIX + type);
    return bytes === undefined ? (this.#types.get(type) ?? NOTHING) : readJson<Amount>(bytes);
  }
}
