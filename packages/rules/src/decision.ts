import type { VertexValue } from "@halon/resource-graph";

/** An entry of the decision log. */
export interface Decision {
  /** The same wherever and however often it is made; unique for ever. */
  readonly id: string;
  /** Log time. */
  readonly atMs: number;
  /**
   * Who decided. The engine's own outcomes: `merged` a trigger into a running instance, `failed` a step that threw and
   * will be retried, `parked`, `released` and `dropped` an instance.
   */
  readonly by: "rule" | "engine";
  readonly rule: string;
  readonly version: number;
  /** Key of the instance. */
  readonly key: string;
  readonly run: string;
  /** Ids of the events it rests on: the run's trigger, then the latest ones it waited for; with `merged` that trigger. */
  readonly eventIds: readonly string[];
  readonly outcome: string;
  readonly facts: VertexValue;
}

/** Events of a run that its decisions name, the trigger included. */
export const DECISION_EVENTS_MAX = 16;
