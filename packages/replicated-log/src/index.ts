export * from "./applier.ts";
export { decodeReply, decodeSubmit, encodeReply, encodeSubmit, LogCodecError } from "./codec.ts";
export * from "./command.ts";
export * from "./log-client.ts";
export * from "./replicated-log.ts";
export { SESSIONS_MAX } from "./sessions.ts";
export * from "./transaction.ts";
