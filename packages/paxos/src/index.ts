export * from "./config.ts";
export * from "./paxos.ts";
