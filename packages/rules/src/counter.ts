import type { EventType } from "./event-type.ts";
import { checkedRuleName } from "./names.ts";

export interface CounterSpec<Event> {
  readonly on: EventType<Event>;
  /** Under which name the event counts; one name for all when left out. It may look at the event, and change nothing. */
  label?(event: Event): string;
}

/** Counts events, its event's type forgotten. */
export interface Counter {
  readonly name: string;
  readonly on: EventType<unknown>;
  labelOf(event: unknown): string;
}

/**
 * Declares a count of events: each once, however many coordinators come and go. A rule without instances, for what comes
 * in masses: it costs no more than one entry per turn. Throws `bad-declaration`.
 */
export function counter<Event>(name: string, spec: CounterSpec<Event>): Counter {
  return Object.freeze({
    name: checkedRuleName("counter", name),
    on: spec.on,
    labelOf: (event: unknown) => spec.label?.(event as Event) ?? "",
  });
}
