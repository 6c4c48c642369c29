import {
  type Enqueue,
  type EnqueueOutcome,
  type EventGroup,
  encodeStoredGroup,
  type PositionRange,
  type RegisterProducer,
} from "@halon/proto";
import type { Transaction, View } from "@halon/replicated-log";
import { complaint, countOf, groupOf, partOf, producerComplaint } from "./event-group.ts";
import { LANES, type LaneNumber, laneOf } from "./priority.ts";
import { Producers, type Verdict } from "./producers.ts";
import { type Amount, countsOf, QueueCounts, writeJson } from "./queue-counts.ts";
import { consumedKey, groupKey, groupsFrom, type Standing } from "./queue-keys.ts";
import { sizeOf, withSpan } from "./spans.ts";

const NEXT_KEY = "qn";
/** What a group costs beside its payloads, about. */
const GROUP_BYTES = 128;

const bytesOf = ({ payloads, sizes }: EventGroup): number => payloads.byteLength + sizes.byteLength + GROUP_BYTES;

/** Takes events in, for the span of one command. */
class Intake {
  readonly #state: Transaction;
  readonly #logTimeMs: number;
  readonly #counts: QueueCounts;
  readonly #producers: Producers;
  #next: number;

  constructor(state: Transaction, logTimeMs: number) {
    this.#state = state;
    this.#logTimeMs = logTimeMs;
    this.#counts = new QueueCounts(state);
    this.#producers = new Producers(state, logTimeMs);
    this.#next = decodePosition(state.get(NEXT_KEY)) + 1;
  }

  register({ producer, incarnation }: RegisterProducer): boolean {
    return (
      producerComplaint(producer, incarnation) === undefined && this.#producers.admit(`${producer}/${incarnation}`)
    );
  }

  /** One outcome for events that follow each other and came to the same. */
  take(group: EventGroup): readonly EnqueueOutcome[] {
    const count = countOf(group);
    const wrong = complaint(group);
    if (wrong !== undefined) return this.#all("refused", "refused", Math.max(1, Math.ceil(count)), wrong);
    const { producer, incarnation, type, priority, registered } = group;
    const name = `${producer}/${incarnation}`;
    if (registered && !this.#producers.isKnown(name))
      return this.#all("forgotten", "producerForgotten", count, forgottenMessage(name));
    if (!this.#producers.admit(name))
      return this.#all("full", "full", count, "too many producers were heard lately: try again later");
    const lane = laneOf(type, priority);
    let at = 0;
    return this.#producers.take(name, { ...group, count }, this.#counts.room(lane, type)).map((verdict) => {
      const outcome = this.#follow(verdict, group, lane, at);
      at += verdict.count;
      return outcome;
    });
  }

  write(): void {
    this.#counts.count("forgotten", this.#producers.forgetSilent());
    this.#producers.write();
    this.#counts.write();
    this.#state.put(NEXT_KEY, new TextEncoder().encode(String(this.#next - 1)));
  }

  #all(kind: string, counter: "refused" | "full" | "producerForgotten", count: number, message: string) {
    this.#counts.count(counter, count);
    return [{ kind, message, position: 0, count }];
  }

  #follow({ kind, count }: Verdict, group: EventGroup, lane: LaneNumber, at: number): EnqueueOutcome {
    switch (kind) {
      case "new":
        return { kind: "stored", message: "", position: this.#store(partOf(group, at, count), lane, count), count };
      case "duplicate":
        this.#counts.count("duplicates", count);
        return { kind, message: "", position: 0, count };
      case "full":
        this.#counts.count("full", count);
        return { kind, message: fullMessage(this.#state), position: 0, count };
      case "refused":
        this.#counts.count("refused", count);
        return { kind, message: windowMessage(group.producer, group.first + at), position: 0, count };
      default:
        return kind satisfies never;
    }
  }

  #store(group: EventGroup, lane: LaneNumber, count: number): number {
    const position = this.#next;
    this.#next += count;
    this.#counts.store(lane, group.type, { events: count, bytes: bytesOf(group) }, this.#next - 1);
    this.#counts.count("stored", count);
    const stored = encodeStoredGroup({ position, logTimeMs: this.#logTimeMs, group });
    this.#state.put(groupKey(lane, position), stored);
    return position;
  }
}

const windowMessage = (producer: string, seq: number): string =>
  `event ${seq} of ${producer} is too far ahead of the lowest one without an answer: wait for answers first`;
const forgottenMessage = (name: string): string =>
  `ProducerForgotten: ${name} was not heard for a day, or for long while too many others were; whether the event was stored before is not known`;
const fullMessage = (view: View): string => {
  const events = countsOf(view).lanes.reduce((sum, each) => sum + each.events, 0);
  return `${events} events wait to be consumed: is a coordinator running?`;
};

/**
 * The queue as part of the replicated state, under keys that begin with `q`. At least once: an event leaves by
 * {@link consume} and {@link clear} only. All functions are deterministic.
 */
export function enqueue(state: Transaction, { events, groups = [] }: Enqueue, logTimeMs: number): EnqueueOutcome[] {
  const intake = new Intake(state, logTimeMs);
  const outcomes = [...events.map(groupOf), ...groups].flatMap((group) => intake.take(group));
  intake.write();
  return outcomes;
}

/** From now on the queue knows the producer; false when too many were heard lately. */
export function registerProducer(state: Transaction, command: RegisterProducer, logTimeMs: number): boolean {
  const intake = new Intake(state, logTimeMs);
  const isKnown = intake.register(command);
  intake.write();
  return isKnown;
}

/** What leaves the queue, for the span of one command. */
export class Departures {
  readonly #state: Transaction;
  readonly #counts: QueueCounts;
  /** Position of the newest event that was ever stored. */
  readonly last: number;

  constructor(state: Transaction) {
    this.#state = state;
    this.#counts = new QueueCounts(state);
    this.last = decodePosition(state.get(NEXT_KEY));
  }

  /** Takes the events from place `from` to `to` (exclusive) out of a group; says how many were there. */
  take({ key, stored, count, consumed }: Standing, lane: LaneNumber, from: number, to: number): number {
    const gone = withSpan(consumed, from, to);
    const events = sizeOf(gone) - sizeOf(consumed);
    if (events === 0) return 0;
    const isEmpty = sizeOf(gone) === count;
    const amount: Amount = { events, bytes: isEmpty ? bytesOf(stored.group) : 0 };
    this.#counts.remove(lane, stored.group.type, amount);
    if (isEmpty) this.#state.delete(key);
    if (!isEmpty) this.#state.put(consumedKey(stored.position), writeJson(gone));
    else if (consumed.length > 0) this.#state.delete(consumedKey(stored.position));
    return events;
  }

  /** All groups of the lane from `first` on were looked at; the first that is left begins at `head`. */
  advance(lane: LaneNumber, first: number, head: number): void {
    this.#counts.advance(lane, first, head);
  }

  end(as: "consumed" | "cleared", events: number): void {
    this.#counts.count(as, events);
    this.#counts.write();
  }
}

/** Removes events. Positions that are gone already, or never were, do no harm. */
export function consume(state: Transaction, ranges: readonly PositionRange[]): void {
  if (ranges.length === 0) return;
  const departures = new Departures(state);
  let events = 0;
  for (const { first, last, priority } of ranges)
    for (const lane of LANES) {
      if (priority !== 0 && priority !== lane) continue;
      let head = last + 1;
      for (const standing of groupsFrom(state, lane, first, last)) {
        const { position } = standing.stored;
        const to = Math.min(standing.count, last + 1 - position);
        const taken = departures.take(standing, lane, Math.max(0, first - position), to);
        if (sizeOf(standing.consumed) + taken < standing.count) head = Math.min(head, position);
        events += taken;
      }
      departures.advance(lane, first, Math.min(head, departures.last + 1));
    }
  departures.end("consumed", events);
}

/** Where the position of the newest event that was ever stored stands: it can be read through the log. */
export const LAST_POSITION_KEY = NEXT_KEY;
/** What is stored under {@link LAST_POSITION_KEY}; 0 before the first event. */
export const decodePosition = (bytes: Uint8Array | undefined): number => Number(new TextDecoder().decode(bytes));
