import { loadConfig } from "@halon/service-kit";
import { describe, expect, it } from "vitest";
import { coordinatorConfig } from "../src/index.ts";

const load = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  loadConfig(coordinatorConfig, { argv, env, readFile: () => "" });

describe("configuration", () => {
  it("takes the epoch from the agent, and none in mode resident", () => {
    expect(load([], { HALON_EPOCH: "7" })).toMatchObject({ kind: "config", config: { mode: "process", epoch: 7 } });
    expect(load(["--mode", "resident"])).toMatchObject({ kind: "config", config: { mode: "resident" } });
    for (const outcome of [load(["--mode", "resident"], { HALON_EPOCH: "7" }), load([], { HALON_EPOCH: "0" })])
      expect(outcome.kind).toBe("errors");
    // As `health` is asked.
    expect(load(["health"])).toMatchObject({ kind: "config", command: "health" });
  });

  it("refuses a lease that does not bear a lost renewal", () => {
    expect(load(["--epoch", "1", "--renew-ms", "700"]).kind).toBe("errors");
    expect(load(["--epoch", "1", "--renew-ms", "600"]).kind).toBe("config");
  });
});
