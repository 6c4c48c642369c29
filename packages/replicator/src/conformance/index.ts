export { dataStoreConformance } from "./data-store.ts";
export { type ReplicatorHarness, replicatorConformance, type TestGroup } from "./replicator.ts";
