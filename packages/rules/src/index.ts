export { RuleContext } from "./context.ts";
export { type Counter, type CounterSpec, counter } from "./counter.ts";
export { LABELS_MAX, OTHER_LABEL } from "./counts.ts";
export { DECISION_EVENTS_MAX, type Decision } from "./decision.ts";
export { Engine } from "./engine.ts";
export type { AnswerInput, EngineOptions, EventInput } from "./engine-input.ts";
export type { Parked } from "./entry.ts";
export { type EventType, eventType, type QueuedEvent } from "./event-type.ts";
export type { InstanceReport } from "./instance-report.ts";
export { LIMITS_DEFAULT, type Limits } from "./limits.ts";
export { KEY_ESCAPED_CHARS_MAX } from "./names.ts";
export {
  type Answer,
  type CommandOptions,
  type CommandRequest,
  Operation,
  type Request,
  Wait,
  type Won,
} from "./operation.ts";
export type { PersistedEntry } from "./restore.ts";
export { type Rule, type RuleRun, type RuleSpec, rule } from "./rule.ts";
export { type ParkCode, RulesError, type RulesErrorCode } from "./rules-error.ts";
export type { Command } from "./step-draft.ts";
export type { EntryWrite, RefusedEvent, Turn } from "./turn.ts";
