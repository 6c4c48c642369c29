export * from "./data-store.ts";
export * from "./define-state.ts";
export { newsOf } from "./news.ts";
export { type CallErrorCode, stateMachine } from "./state-machine.ts";
export { refuse, StateRefusal } from "./state-refusal.ts";
export { ENTRIES_MAX, type EntriesQuery, type StateDraft, type StateView } from "./state-view.ts";
export { json, type ValueCodec } from "./value-codec.ts";
