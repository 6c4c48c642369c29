export { dataStoreConformance } from "./data-store.ts";
export type { ReplicatorHarness, TestGroup } from "./harness.ts";
export { replicatorConformance } from "./replicator.ts";
