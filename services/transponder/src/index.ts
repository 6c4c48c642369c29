export { transponderConfig } from "./config.ts";
export * from "./core/downlink-core.ts";
export * from "./core/merge-accusations.ts";
export * from "./core/uplink-core.ts";
export * from "./service.ts";
