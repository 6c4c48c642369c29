export * from "./spec.ts";
export * from "./yaml-form.ts";
