import { checkedRuleName } from "./names.ts";

/** A kind of event: the name it has in the queue, and how to read it. */
export interface EventType<Event> {
  readonly name: string;
  /** Must be a pure function: an event is read again on each replay. What it throws refuses the event. */
  decode(payload: Uint8Array): Event;
}

/** Declares a kind of event. Throws `bad-declaration`. */
export function eventType<Event>(name: string, decode: (payload: Uint8Array) => Event): EventType<Event> {
  return Object.freeze({ name: checkedRuleName("event type", name), decode });
}

/** An event as the queue gives it. */
export interface QueuedEvent {
  /** Place in the queue: a whole number, greater for later events, never used twice. */
  readonly position: number;
  /** Id given by its producer: what decisions name. */
  readonly id: string;
  readonly type: string;
  readonly payload: Uint8Array;
}
