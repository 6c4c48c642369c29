export { type ReplicatorHarness, replicatorConformance, type TestGroup } from "./replicator.ts";
