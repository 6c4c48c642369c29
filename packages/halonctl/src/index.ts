export { ClientError, type ClientErrorCode, type ClientOptions, HalonClient } from "./client.ts";
export * from "./replies.ts";
export { EXIT_CODES, run } from "./run.ts";
export type { Sink, World } from "./terminal.ts";
