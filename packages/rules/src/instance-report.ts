import type { Parked } from "./entry.ts";
import type { Instance } from "./instance.ts";

/** An instance, for people to look at. */
export interface InstanceReport {
  readonly rule: string;
  readonly key: string;
  readonly run: string;
  /** Id of the event that began the run. */
  readonly eventId: string;
  readonly state: "waiting" | "ready" | "retrying" | "parked";
  /** Operations done in this run. */
  readonly operations: number;
  readonly parked: Parked | undefined;
}

/** What there is to say about an instance. */
export function reportOf({ ruleName, key, run, head, pending, journal }: Instance): InstanceReport {
  const { parked, retry, trigger } = head;
  const alive = pending !== undefined ? "waiting" : retry !== undefined ? "retrying" : "ready";
  const state = parked !== undefined ? "parked" : alive;
  return { rule: ruleName, key, run, eventId: trigger.id, state, operations: journal.length, parked };
}
