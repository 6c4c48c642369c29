export * from "./config.ts";
export * from "./paxos.ts";
export * from "./recovery.ts";
export { PaxosCodecError } from "./wire.ts";
