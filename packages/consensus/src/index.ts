export * from "./assert.ts";
export * from "./ballot.ts";
export * from "./consensus.ts";
export * from "./ids.ts";
export * from "./membership.ts";
