export * from "./dot-form.ts";
export { GARBAGE_REMOVED_MAX_DEFAULT, type GarbageOptions, type GarbageOutcome } from "./garbage.ts";
export {
  GARBAGE_VISITS_DEFAULT,
  GarbageCollector,
  type MarkOutcome,
  type SweepOutcome,
} from "./garbage-collector.ts";
export { type Changed, Graph } from "./graph.ts";
export { decodeChange, type EdgeRef, type EncodedChange, encodeChange, type GraphChange } from "./graph-change.ts";
export type { GraphDraft } from "./graph-draft.ts";
export { GraphError, type GraphErrorCode } from "./graph-error.ts";
export { GraphLoader } from "./graph-loader.ts";
export type { GraphView, PathOptions } from "./graph-view.ts";
export * from "./json-form.ts";
export { MIGRATED_MAX_DEFAULT, type MigrationOutcome } from "./migrating.ts";
export {
  type Migration,
  type OldVertex,
  rewriting,
  SCHEMA_VERSION,
  SCHEMA_VERSION_ID,
  type SchemaVersionValue,
} from "./migration.ts";
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
export { PATH_VISITS_DEFAULT, type Path } from "./path.ts";
export * from "./schema.ts";
export * from "./store-form.ts";
export * from "./store-keys.ts";
export { decodeValue, encodeValue, type Json, VALUE_DEPTH_MAX, VALUE_SIZE_MAX, type VertexValue } from "./value.ts";
export * from "./vertex-type.ts";
