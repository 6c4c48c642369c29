export * from "./eq-tracker.ts";
export * from "./tracker-core.ts";
