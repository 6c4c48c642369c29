import {
  decodeQueuedEvent,
  type EnqueueOutcome,
  type Event,
  type EventId,
  encodeQueuedEvent,
  isName,
  type QueuedEvent,
} from "@halon/proto";
import type { Transaction, View } from "@halon/replicated-log";
import { Producers } from "./producers.ts";

/** Largest payload of one event. */
export const EVENT_BYTES_MAX = 192 * 1024;
/** Events that may wait to be consumed; further ones are answered `full`, and their producers hold them. */
export const EVENTS_MAX = 100_000;
/** Events read from the store at a time. */
const PIECE_EVENTS = 64;
/** Bytes of events given out at a time. */
const PAGE_BYTES_MAX = 384 * 1024;

const NEXT_KEY = "qn";
const COUNT_KEY = "qc";
const END = "q0";
const keyOf = (position: number): string => `q/${position.toString().padStart(16, "0")}`;

const text = new TextEncoder();
const readNumber = (view: View, key: string): number => {
  const bytes = view.get(key);
  return bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes));
};

/** What is wrong with an event, or `undefined`. */
function complaint(event: Event): string | undefined {
  const { id, type, payload } = event;
  if (id === undefined || !/^[A-Za-z0-9_.-]{1,128}$/.test(id.producer) || !isName(id.incarnation) || id.seq < 1)
    return "event without a proper id: producer, incarnation and a sequence number from 1 are needed";
  if (!/^[a-z][a-z0-9.-]{0,63}$/.test(type))
    return `event type ${JSON.stringify(type)}: use 1 to 64 characters of a-z 0-9 . - that begin with a letter`;
  if (payload.byteLength > EVENT_BYTES_MAX)
    return `event of ${payload.byteLength} bytes: at most ${EVENT_BYTES_MAX} are allowed; submit a reference instead`;
  return undefined;
}

/**
 * The queue as part of the replicated state, under keys that begin with `q`. At least once: an event leaves by
 * {@link consume} only. All functions are deterministic.
 */
export function enqueue(state: Transaction, events: readonly Event[], logTimeMs: number): readonly EnqueueOutcome[] {
  const producers = new Producers(state, logTimeMs);
  let next = readNumber(state, NEXT_KEY) + 1;
  let count = readNumber(state, COUNT_KEY);
  const outcomes = events.map((event): EnqueueOutcome => {
    const message = complaint(event);
    if (message !== undefined) return { kind: "refused", message, position: 0 };
    const id = event.id as EventId;
    if (count >= EVENTS_MAX && !producers.isKnown(id))
      return { kind: "full", message: `${count} events wait to be consumed: is a coordinator running?`, position: 0 };
    const verdict = producers.take(id, event.lowest);
    if (verdict !== "new")
      return { kind: verdict, message: verdict === "refused" ? windowMessage(id) : "", position: 0 };
    const position = next++;
    count++;
    state.put(keyOf(position), encodeQueuedEvent({ position, logTimeMs, event }));
    return { kind: "stored", message: "", position };
  });
  producers.write();
  state.put(NEXT_KEY, text.encode(String(next - 1)));
  state.put(COUNT_KEY, text.encode(String(count)));
  return outcomes;
}

const windowMessage = (id: EventId): string =>
  `event ${id.seq} of ${id.producer} is too far ahead of the lowest one without an answer: wait for answers first`;

/** Removes events. Positions that are gone already, or never were, do no harm. */
export function consume(state: Transaction, positions: readonly number[]): void {
  let removed = 0;
  for (const position of positions) {
    if (state.get(keyOf(position)) === undefined) continue;
    state.delete(keyOf(position));
    removed++;
  }
  if (removed > 0) state.put(COUNT_KEY, text.encode(String(readNumber(state, COUNT_KEY) - removed)));
}

/** Events behind position `after`, in order, at most `limit` and about 384 KiB of them. */
export function eventsAfter(view: View, after: number, limit: number): readonly QueuedEvent[] {
  const events: QueuedEvent[] = [];
  let bytes = 0;
  // By pieces: many of the largest events would fill the memory before the first is looked at.
  for (let from = keyOf(after + 1); events.length < limit; ) {
    const piece = view.range({ from, to: END, limit: Math.min(PIECE_EVENTS, limit - events.length) });
    for (const [, value] of piece) {
      bytes += value.byteLength;
      if (events.length > 0 && bytes > PAGE_BYTES_MAX) return events;
      events.push(decodeQueuedEvent(value));
    }
    const last = events.at(-1);
    if (last === undefined || piece.length < PIECE_EVENTS) return events;
    from = keyOf(last.position + 1);
  }
  return events;
}

/** Where the position of the newest event that was ever stored stands: it can be read through the log. */
export const LAST_POSITION_KEY = NEXT_KEY;
/** What is stored under {@link LAST_POSITION_KEY}; 0 before the first event. */
export const decodePosition = (bytes: Uint8Array | undefined): number => Number(new TextDecoder().decode(bytes));

/** Events that wait to be consumed. */
export const queuedCount = (view: View): number => readNumber(view, COUNT_KEY);
