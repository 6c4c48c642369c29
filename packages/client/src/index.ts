export type { NatsReport } from "@halon/transport-nats";
export * from "./client-error.ts";
export * from "./cluster-schema.ts";
export { CONNECT_MS, type ConnectOptions, connect } from "./connect.ts";
export { type EventKind, eventKind } from "./event-kind.ts";
export type { GraphAccess, GraphReadOptions } from "./graph-access.ts";
export type { GraphNews } from "./graph-follower.ts";
export {
  type ClientStatus,
  HalonClient,
  type HalonClientOptions,
  type HalonClientPorts,
  type SubmitOptions,
} from "./halon-client.ts";
export { QUESTIONS_MAX } from "./stations.ts";
