export * from "./chance.ts";
export * from "./cluster.ts";
export * from "./disk.ts";
export type { ConsensusHarness, Expectation, SuiteApi } from "./harness.ts";
export * from "./ledger.ts";
export * from "./member.ts";
export * from "./network.ts";
export * from "./storm.ts";
export * from "./suite.ts";
