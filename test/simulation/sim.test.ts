import { readFileSync } from "node:fs";
import type { RunReport } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { logInvariants } from "./invariants/all.ts";
import { Ledger } from "./invariants/ledger.ts";
import { ListHistory } from "./list-history.ts";
import { readRequest } from "./sim-request.ts";
import { countsTable, invariantsTable, short } from "./sim-table.ts";
import { ModelTally, SimTally } from "./sim-tally.ts";

const MODELS = ["log", "cluster"];
const request = (...args: readonly string[]) => readRequest(args, MODELS, () => 77);
const endless = Number.POSITIVE_INFINITY;

describe("what npm run sim is asked for", () => {
  it("goes on for as long as it is let, runs one seed, so many runs, or what fits into a time", () => {
    expect(request()).toEqual({ seed: 77, runs: endless, minutes: endless, trace: false, models: MODELS });
    expect(request("--seed", "5")).toMatchObject({ seed: 5, runs: 1, minutes: endless });
    expect(request("--trace")).toMatchObject({ seed: 77, runs: 1, trace: true });
    expect(request("--runs", "20", "--model", "log")).toMatchObject({ seed: 77, runs: 20, models: ["log"] });
    expect(request("--seed", "1", "--minutes", "0.5")).toMatchObject({ seed: 1, runs: endless, minutes: 0.5 });
    expect(request("--seed", "1", "--runs", "9", "--minutes", "4")).toMatchObject({ runs: 9, minutes: 4 });
    expect(request("--help")).toBe(undefined);
  });

  it("refuses what makes no sense, naming it", () => {
    expect(() => request("--seed", "x")).toThrow(/--seed x/);
    expect(() => request("--seed", "4294967296")).toThrow(/--seed 4294967296/);
    expect(() => request("--runs", "1.5")).toThrow(/--runs 1.5: a whole number/);
    expect(() => request("--model", "lag")).toThrow(/--model lag: there are log and cluster/);
    expect(() => request("--sead", "1")).toThrow(/--sead/);
  });
});

const report = (faults: RunReport["faults"], checks: RunReport["checks"]): RunReport => ({
  hash: "",
  virtualMs: 30_000,
  swarm: "",
  faults,
  operations: 100,
  checks,
});

describe("what npm run sim says in the end", () => {
  it("counts, for each kind of fault, the runs and what invariants have looked at in them", () => {
    const tally = new ModelTally();
    tally.add(report({ kill: 2 }, { agreement: 600, validity: 1 }));
    tally.add(report({ kill: 1, loss: 3 }, { agreement: 900, validity: 2 }));
    tally.add(report({}, { agreement: 10, validity: 3 }));
    expect(countsTable(tally).split("\n")).toEqual([
      "| fault       | runs | strikes | agreement | validity |",
      "| ----------- | ---- | ------- | --------- | -------- |",
      "| any or none | 3    | 6       | 1.51k     | 6        |",
      "| kill        | 2    | 3       | 1.50k     | 3        |",
      "| loss        | 1    | 3       | 900       | 2        |",
    ]);
  });

  it("how many runs there were, of how many, and how fast time went", () => {
    let nowMs = 0;
    const tally = new SimTally(() => nowMs);
    for (let run = 0; run < 10; run++) tally.add("log", report({ kill: 1 }, { agreement: 1 }));
    nowMs = 2_000;
    expect(tally.describe(10)).toBe("10 runs in 2.0 s (5.0 per s), 300 virtual s: 150 times as fast as real time");
    expect(tally.describe(20)).toContain("10 runs of the 20 asked for in");
    expect(tally.conclude()).toContain("1000 operations, 10 faults");
  });

  it("writes large numbers with three digits", () => {
    expect([0, 999, 1_000, 38_249, 999_600, 1_234_567].map(short)).toEqual([
      "0",
      "999",
      "1.00k",
      "38.2k",
      "1.00M",
      "1.23M",
    ]);
  });
});

describe("the README", () => {
  it("lists the invariants as they are", () => {
    const { all } = logInvariants({
      ledger: new Ledger(),
      history: new ListHistory(),
      snapshotBytes: 1,
      states: () => [],
    });
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    expect(readme).toContain(invariantsTable(all));
  });
});
