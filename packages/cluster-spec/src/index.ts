export type { Mistake } from "./mistake.ts";
export * from "./spec.ts";
export * from "./yaml-form.ts";
