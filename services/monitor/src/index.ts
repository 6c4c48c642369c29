export { monitorConfig } from "./config.ts";
export * from "./core/hearing.ts";
export * from "./core/monitor-core.ts";
export * from "./core/monitor-io.ts";
export { PROMISE_KEEP_MS, PROMISES_MAX, Promises } from "./core/promises.ts";
export * from "./service.ts";
