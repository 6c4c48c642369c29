import type { Graph, Json } from "@halon/resource-graph";
import type { Counter } from "./counter.ts";
import type { QueuedEvent } from "./event-type.ts";
import type { Limits } from "./limits.ts";
import type { Answer } from "./operation.ts";
import type { PersistedEntry } from "./restore.ts";
import type { Rule } from "./rule.ts";

/** What an engine is built from. */
export interface EngineOptions {
  readonly rules: readonly Rule[];
  /** Beside the rules. */
  readonly counters?: readonly Counter[];
  /** As persisted. */
  readonly graph: Graph;
  /** All that turns have written and not removed, in any order. */
  readonly entries?: Iterable<PersistedEntry>;
  /** What `ctx.variable` gives. */
  readonly vars?: Readonly<Record<string, Json>>;
  readonly limits?: Partial<Limits>;
  readonly logTimeMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/** `logTimeMs`: log time moves on to there with the event. */
export interface EventInput extends QueuedEvent {
  readonly logTimeMs: number;
  /** Positions ascend within a lane. Without it there is one. */
  readonly lane?: number;
}

/** What came back for a command. */
export interface AnswerInput {
  readonly commandId: string;
  readonly answer: Answer;
}

/** What waits for room in a turn. */
export type Input =
  | { readonly kind: "event"; readonly event: QueuedEvent; readonly logTimeMs: number }
  | Answered
  /** Timers fire up to there when all before it is worked off. */
  | { readonly kind: "time"; readonly atMs: number };
export type Answered = { readonly kind: "answer" } & AnswerInput;
