export {
  decodeEventPayload,
  decodeMessage,
  decodeStateCommand,
  decodeStateResult,
  encodeEventPayload,
  encodeMessage,
  encodeStateCommand,
  encodeStateResult,
  type Message,
  ProtoError,
  type ProtoErrorCode,
  SCHEMA_VERSION,
  STATE_COMMAND_BYTES_MAX,
} from "./codec.ts";
export * from "./messages.ts";
export * from "./packed-entries.ts";
export * from "./post.ts";
export * from "./records.ts";
export * from "./subjects.ts";
