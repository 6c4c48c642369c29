export * from "./applier.ts";
export {
  type CallKind,
  type CallOutcome,
  type LogClientInput,
  type LogClientOutput,
  REQUESTS_MAX,
} from "./client-call.ts";
export {
  decodeDecree,
  decodeReconfigure,
  decodeReconfigured,
  decodeReply,
  decodeSubmit,
  encodeReconfigure,
  encodeReconfigured,
  encodeReply,
  encodeSubmit,
  LogCodecError,
  type Reconfigure,
  type Reconfigured,
} from "./codec.ts";
export * from "./command.ts";
export { DIGEST_KEY, digestOf, INSTALLING_KEY, POSITION_KEY, StateDigest } from "./digest.ts";
export * from "./log-client.ts";
export * from "./log-io.ts";
export { LAG_DECREES_MAX, LISTEN_MS } from "./reconfiguration.ts";
export * from "./replicated-log.ts";
export { SESSION_MS, SESSIONS_MAX, type SessionLimits } from "./sessions.ts";
export type { AppliedMembership } from "./state-codec.ts";
export * from "./transaction.ts";
