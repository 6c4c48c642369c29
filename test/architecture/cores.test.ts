import { describe, expect, it } from "vitest";
import { CORE_LINES_MAX, impurities, isCore, overlong } from "./core-rules.ts";
import { sourceFiles } from "./repository.ts";

const cores = sourceFiles.filter(({ path }) => isCore(path));

describe("cores are sans-IO", () => {
  it("hold no clock, chance, IO or promise", () => {
    expect(cores.length, "core files found").toBeGreaterThan(5);
    expect(cores.flatMap(impurities)).toEqual([]);
  });

  it("have short files", () => {
    expect(cores.flatMap(overlong)).toEqual([]);
  });
});

const inCore = (text: string) => impurities({ path: "packages/paxos/src/x.ts", text });

describe("the rules can fail", () => {
  it.each([
    ["const t = Date.now();", "Date"],
    ["const t = new Date();", "Date"],
    ["const t = performance.now();", "performance"],
    ["setTimeout(f, 1);", "setTimeout"],
    ["const later = { setTimeout };", "setTimeout"],
    ["globalThis.x = setInterval;", "setInterval"],
    ["setImmediate(f);", "setImmediate"],
    ["const r = Math.random();", "Math.random"],
    ["const a = process.argv;", "process"],
    ['import { readFileSync } from "node:fs";', "node:fs"],
    ['import type { Stats } from "node:fs";', "node:fs"],
    ['export * from "node:fs";', "node:fs"],
    ['const fs = import("node:fs");', "node:fs"],
    ["let f: Promise<void>;", "Promise"],
    ["const f = async () => 1;", "async"],
    ["class A { async f() {} }", "async"],
    ["const x = await y;", "await"],
    ["for (const x of y) { if (x) z = Promise.resolve(); }", "Promise"],
  ])("%s", (text, what) => {
    const [first] = inCore(`// line 1\n${text}\n`);
    expect(first).toMatch(/^packages\/paxos\/src\/x\.ts:2: /);
    expect(first).toContain(`\`${what}\``);
  });

  it.each([
    "// Date.now(), await and Promise in a comment",
    'const text = "Date node:fs";',
    "message.process(); ballot.Date = 1;",
    'type Output = { readonly kind: "timer"; readonly process: string };',
    "const x = { async: 1, await: 2, Date: 3 };",
    "const r = random.u32(), m = Math.max(1, 2);",
    "function* run() { yield 1; }",
  ])("leaves alone: %s", (text) => {
    expect(inCore(text)).toEqual([]);
  });

  it("counts lines", () => {
    const path = "packages/paxos/src/x.ts";
    expect(overlong({ path, text: "a\n".repeat(CORE_LINES_MAX) })).toEqual([]);
    expect(overlong({ path, text: "a\n".repeat(CORE_LINES_MAX + 1) })).toHaveLength(1);
  });

  it("knows what is a core", () => {
    expect(isCore("packages/paxos/src/leader.ts")).toBe(true);
    expect(isCore("packages/event-queue/src/queue-core.ts")).toBe(true);
    expect(isCore("services/monitor/src/core.ts")).toBe(true);
    expect(isCore("services/monitor/src/core/verdict.ts")).toBe(true);
    expect(isCore("services/monitor/src/hardcore.ts")).toBe(false);
    expect(isCore("packages/consensus/src/conformance/index.ts")).toBe(false);
    expect(isCore("packages/runtime/src/clock.ts")).toBe(false);
  });
});
