export { PaxosCodecError } from "./codec-error.ts";
export * from "./config.ts";
export * from "./paxos.ts";
export * from "./recovery.ts";
