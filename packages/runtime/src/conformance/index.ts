export { journalConformance } from "./journal.ts";
export type { JournalHarness, JournalPlace } from "./journal-harness.ts";
export { storeConformance } from "./store.ts";
export type { StoreHarness, StorePlace } from "./store-harness.ts";
export type { SuiteApi, Until } from "./suite.ts";
export { type TransportHarness, transportConformance } from "./transport.ts";
