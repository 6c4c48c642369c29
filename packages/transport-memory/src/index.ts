export * from "./memory-bus.ts";
export type { Network } from "./network.ts";
