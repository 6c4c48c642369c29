export * from "./log-member.ts";
export * from "./log-replicator.ts";
export * from "./memory-replicator.ts";
export * from "./replicator.ts";
