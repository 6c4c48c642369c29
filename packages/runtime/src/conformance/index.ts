export * from "./journal.ts";
export * from "./store.ts";
export type { SuiteApi, Until } from "./suite.ts";
export { type TransportHarness, transportConformance } from "./transport.ts";
