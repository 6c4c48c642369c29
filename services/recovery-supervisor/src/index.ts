export * from "./service.ts";
export * from "./supervisor-core.ts";
