import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./repository.ts";

/** What a recovery may take. */
const RECOVERY_MS_MAX = 5_000;
const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 };

const lines = readFileSync(join(root, "docs/defaults.md"), "utf8").split("\n");
const cellsOf = (line: string): readonly string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
const numberOf = (text: string): number => {
  const [digits = "", unit = ""] = text
    .replaceAll("*", "")
    .replace(/(?<=\d) (?=\d{3})/g, "")
    .split(" ");
  return Number(digits) * (UNITS[unit] ?? 1);
};

interface Row {
  readonly what: string;
  readonly value: number;
  readonly name: string;
  readonly file: string;
}

/** The rows that name a constant and its file. */
const rows: readonly Row[] = lines.flatMap((line) => {
  const [what = "", value = "", name = "", file = ""] = cellsOf(line);
  return file.endsWith(".ts") ? [{ what, value: numberOf(value), name: name.replaceAll("`", ""), file }] : [];
});

/** The value of `NAME = 3 * 4;` or of `name: 12,` in a source. */
function inCode({ name, file }: Row): number {
  const source = readFileSync(join(root, file), "utf8");
  const found = new RegExp(`\\b${name}(?: =|:) ([0-9_ *.]+)\\b`).exec(source)?.[1];
  if (found === undefined) throw new Error(`${file} has no number named ${name}: was it renamed?`);
  return found.split("*").reduce((product, factor) => product * Number(factor.trim().replaceAll("_", "")), 1);
}

/** A value by its name and, where several have that name, the service or package that it is in. */
function given(name: string, where = ""): number {
  const found = rows.filter((row) => row.name === name && row.file.includes(where));
  const [row] = found;
  if (row === undefined) throw new Error(`docs/defaults.md has no ${name} in ${where}`);
  return row.value;
}

/** A follower stands a quarter later by chance, and is patient. */
const longestElectionMs = 1.25 * given("PATIENCE_MAX") * given("electionMs");

describe("docs/defaults.md", () => {
  it("has a good number of rows", () => expect(rows.length).toBeGreaterThan(50));

  it.each(rows)("says of $name in $file what the code says", (row) => {
    expect(row.value).toBe(inCode(row));
  });

  it("adds up: each worst case is the sum of its parts, and below five seconds", () => {
    const sums = new Map<string, number>();
    let title = "";
    let sum = 0;
    for (const line of lines) {
      if (line.startsWith("### ")) {
        title = line.slice(4);
        sum = 0;
      }
      const [part = "", value = "", from = ""] = cellsOf(line);
      if (title === "" || !/\d/.test(value) || from.endsWith(".ts") || line.split("|").length !== 5) continue;
      if (part !== "**sum**") sum += numberOf(value);
      else {
        expect(`${title}: ${numberOf(value)}`).toBe(`${title}: ${sum}`);
        sums.set(title, sum);
      }
    }
    expect(sums.size).toBe(5);
    for (const each of sums.values()) expect(each).toBeLessThan(RECOVERY_MS_MAX);
  });

  it("the worst cases are made of the values of the tables", () => {
    const part = (from: string, of: string): number => {
      const line = lines.find((each) => each.includes(`| \`${from}\` |`) && each.includes(of)) ?? "";
      return numberOf(cellsOf(line)[1] ?? "");
    };
    expect(part("suspicionMs", "nothing is heard")).toBe(given("suspicionMs"));
    expect(part("TICK_MS", "the monitor looks")).toBe(given("TICK_MS"));
    expect(part("PROBE_MS", "fellow monitors are asked")).toBe(given("PROBE_MS"));
    expect(part("GATHER_MS", "gathers |")).toBe(given("GATHER_MS"));
    const drift = given("driftRatio", "recovery-supervisor");
    const lease = given("leaseMs", "recovery-supervisor");
    expect(part("leaseMs", "its lease, stretched")).toBe(Math.ceil((lease * (1 + drift)) / (1 - drift)));
    expect(part("staggerMs", "turns of supervisors")).toBe(2 * given("staggerMs"));
    expect(part("electionMs", "a new leader, which")).toBe(longestElectionMs);
    expect(part("requestTimeoutMs", "the client waits")).toBe(given("requestTimeoutMs"));
    expect(part("RECONNECT_LAST_MS", "opened again |")).toBe(given("RECONNECT_LAST_MS"));
  });
});

describe("times and limits fit together", () => {
  const drift = given("DRIFT_RATIO");

  it("everybody counts with the same drift and the same bound", () => {
    for (const where of ["recovery-supervisor", "monitor", "node-agent"])
      expect(given("driftRatio", where)).toBe(drift);
    expect(given("boundMs", "node-agent")).toBe(given("EXCLUSIVE_BOUND_MS"));
  });

  it("a coordinator's lease is over in its own eyes before any supervisor sees it lapse", () => {
    const held = given("leaseMs", "coordinator") / (1 - drift);
    const supervisor = given("leaseMs", "recovery-supervisor");
    const lapsed = (supervisor * (1 + drift)) / (1 - drift) / (1 + drift);
    expect(Math.floor(held)).toBeLessThanOrEqual(Math.floor(lapsed));
    // One renewal may be lost, and one late.
    expect(given("leaseMs", "coordinator")).toBeGreaterThanOrEqual(3 * given("renewMs"));
    // A renewal that waits for a new leader comes in time.
    expect(given("leaseMs", "coordinator")).toBeGreaterThan(longestElectionMs + given("BACKOFF_MS_MAX", "client-call"));
  });

  it("an exclusive instance is gone before it may be started elsewhere, whatever the clocks", () => {
    const bound = given("boundMs", "node-agent");
    // The agent's clock is slow: its deadline, and then the guard's grace.
    const goneMs = (bound * (1 - drift)) / (1 - drift);
    // The coordinator adds drift to the bound, and log time is fast.
    const startedMs = (bound * (1 + drift)) / (1 + drift);
    expect(goneMs).toBeLessThanOrEqual(startedMs);
    expect(given("killGraceMs")).toBeLessThan(bound * (1 - drift) - given("heartbeatMs", "node-agent"));
    // When a node is accused its exclusive instances are dead already, so that they wait no longer than the others.
    const silent = (given("suspicionMs") + given("PROBE_MS")) / (1 + drift);
    expect(bound * (1 + drift)).toBeLessThan(silent);
  });

  it("nobody is suspected for a lost heartbeat, nor deposed for a lost message", () => {
    expect(given("suspicionMs")).toBeGreaterThanOrEqual(3 * given("heartbeatMs", "node-agent"));
    expect(given("electionMs")).toBeGreaterThanOrEqual(3 * given("heartbeatMs", "paxos"));
    expect(given("FORGET_MS")).toBeGreaterThanOrEqual(3 * given("ANNOUNCE_MS"));
    // A hung connection is noticed before three heartbeats are missed.
    expect(2 * given("PING_INTERVAL_MS")).toBeLessThan(given("suspicionMs"));
  });

  it("what is large fits into what carries it", () => {
    const base64 = (bytes: number): number => Math.ceil((bytes * 4) / 3);
    const command = given("STATE_COMMAND_BYTES_MAX");
    const [turn, step, event] = [given("turnBytesMax"), given("stepBytesMax"), given("inputBytesMax")];
    expect(given("SPEC_BYTES_MAX")).toBeLessThan(event);
    expect(event).toBeLessThan(given("EVENT_BYTES_MAX"));
    expect(given("EVENT_BYTES_MAX")).toBeLessThan(command);
    // A turn about to be full, and one more thing: an event taken up, or a step, or the end of the longest run of
    // cluster-spec, which removes its journal and takes up the next event.
    const journal = given("journalEntriesMax") * "i/cluster-spec/cluster/j/0000000000000000....".length;
    expect(turn + 1.25 * step).toBeLessThan(command);
    expect(turn + base64(event) + journal).toBeLessThan(command);
    expect(given("NODE_SPEC_BYTES_MAX")).toBeLessThan(given("BATCH_BYTES_MAX"));
    expect(2 * given("BATCH_BYTES_MAX")).toBeLessThanOrEqual(given("PAYLOAD_BYTES_MAX"));
    expect(given("NODE_INSTANCES_MAX")).toBeLessThanOrEqual(given("INSTANCES_MAX", "node-agent"));
  });
});
