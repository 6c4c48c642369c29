export type { InstallationStatus } from "./installation.ts";
export * from "./log-member.ts";
export * from "./log-member-options.ts";
export * from "./log-replicator.ts";
export * from "./memory-replicator.ts";
export * from "./replicator.ts";
export type { SnapshotPullerCounters } from "./snapshot-puller.ts";
export type { StateExchangeStatus } from "./state-exchange.ts";
export { SNAPSHOT_BYTES_DEFAULT } from "./trimming.ts";
