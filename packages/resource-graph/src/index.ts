export * from "./dot-form.ts";
export { GARBAGE_REMOVED_MAX_DEFAULT, type GarbageOptions, type GarbageOutcome } from "./garbage.ts";
export { type Changed, Graph } from "./graph.ts";
export { decodeChange, type EdgeRef, type EncodedChange, encodeChange, type GraphChange } from "./graph-change.ts";
export type { GraphDraft } from "./graph-draft.ts";
export { GraphError, type GraphErrorCode } from "./graph-error.ts";
export type { GraphView } from "./graph-view.ts";
export * from "./json-form.ts";
export {
  endTypes,
  ID_CHARS_MAX,
  ID_ESCAPED_CHARS_MAX,
  type Id,
  type IdText,
  idProblem,
  NAME_CHARS_MAX,
  RELATIONS_MAX,
  TYPES_MAX,
  unescapeId,
} from "./names.ts";
export * from "./schema.ts";
export * from "./store-form.ts";
export * from "./store-keys.ts";
export { decodeValue, encodeValue, type Json, VALUE_DEPTH_MAX, VALUE_SIZE_MAX, type VertexValue } from "./value.ts";
