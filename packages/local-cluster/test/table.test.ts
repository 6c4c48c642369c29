import { describe, expect, it } from "vitest";
import { changesBetween } from "../src/changes.ts";
import type { Recovery } from "../src/recoveries.ts";
import { durationsTable } from "../src/story/durations.ts";
import { renderTable } from "../src/table.ts";
import type { ClusterView } from "../src/view.ts";
import { PROCESSES, processOf, viewWith, viewWithInstance } from "./cluster-view.ts";

const RECOVERY: Recovery = { what: "web/1", from: "user-2", to: "user-1", spanMs: 3_412, atMs: 5 };

const tableOf = (view: ClusterView, more: Partial<Parameters<typeof renderTable>[0]> = {}): string =>
  `\n${renderTable({ cluster: "local-1", view, recoveries: [], timeText: () => "12:00:00", notices: [], columnsMax: 120, ...more }).join("\n")}\n`;

const broken = (): ClusterView =>
  viewWith({
    processes: [
      ...PROCESSES.filter(({ node, key }) => node !== "user-2" && key !== "transponder" && key !== "nats"),
      { ...processOf("satellite-1", "transponder", 7), isPaused: true },
    ].filter(({ key }) => key !== "coordinator" && key !== "recovery-supervisor"),
    offNodes: new Set(["user-2"]),
    stations: new Map(),
    answering: new Map(),
    nats: { url: "nats://127.0.0.1:14222", isOurs: true, isConnected: false },
  });

describe("the table", () => {
  it("shows a cluster in which all is well", () =>
    expect(tableOf(viewWith())).toMatchInlineSnapshot(`
    "
    Halon local-1 · leader station-1 · coordinator station-1, epoch 4 · events waiting 0 · nats://127.0.0.1:14222 connected

    NODE         STATE  SERVICES
    station-1    up     agent, station-replica (leader at 42), recovery-supervisor, monitor, coordinator
    satellite-1  up     agent, transponder, monitor
    user-1       up     agent
    user-2       up     agent

    INSTANCE              NODE    STATE    ANSWERS  URL
    ticker/0 (exclusive)  user-1  running  yes      http://127.0.0.1:30000/
    web/0                 user-1  running  yes      http://127.0.0.1:30001/
    web/1                 user-2  running  yes      http://127.0.0.1:30002/
    "
  `));

  it("shows what is broken, what came back, and what was done", () =>
    expect(tableOf(broken(), { recoveries: [RECOVERY], notices: ["killed user-2"] })).toMatchInlineSnapshot(`
      "
      Halon local-1 · leader none · coordinator none · events waiting 0 · nats://127.0.0.1:14222 off

      NODE         STATE  SERVICES
      station-1    up     agent, station-replica, recovery-supervisor GONE, monitor
      satellite-1  up     agent, transponder PAUSED, monitor
      user-1       up     agent
      user-2       off

      INSTANCE              NODE    STATE    ANSWERS  URL
      ticker/0 (exclusive)  user-1  running  no       http://127.0.0.1:30000/
      web/0                 user-1  running  no       http://127.0.0.1:30001/
      web/1                 user-2  running  no       http://127.0.0.1:30002/

      RECOVERIES
      12:00:00  web/1 is back from user-2 on user-1 after 3.41 s

      killed user-2
      "
    `));

  it("cuts lines that the terminal has no room for", () => {
    const lines = tableOf(viewWith(), { columnsMax: 30 }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBe(30);
    expect(lines[1]?.endsWith("…")).toBe(true);
  });
});

describe("the lines of a run without a terminal", () => {
  const lines = (before: ClusterView | undefined, after: ClusterView): string =>
    `\n${changesBetween(before, after).join("\n")}\n`;

  it("tell at first all that there is", () =>
    expect(lines(undefined, viewWith())).toMatchInlineSnapshot(`
    "
    connected to nats at nats://127.0.0.1:14222
    station-1 leads the stations
    the coordinator of epoch 4 is in office on station-1
    station-1 is up
    satellite-1 is up
    user-1 is up
    user-2 is up
    ticker/0 answers on user-1: http://127.0.0.1:30000/
    web/0 answers on user-1: http://127.0.0.1:30001/
    web/1 answers on user-2: http://127.0.0.1:30002/
    "
  `));

  it("tell nothing when nothing changes", () => expect(changesBetween(viewWith(), viewWith())).toEqual([]));

  it("tell what breaks", () =>
    expect(lines(viewWith(), broken())).toMatchInlineSnapshot(`
    "
    nats does not answer
    the stations have no leader
    no coordinator is in office
    station-1.recovery-supervisor is gone
    satellite-1.transponder runs (pid 7)
    user-2 is off
    ticker/0 does not answer any more
    web/0 does not answer any more
    web/1 does not answer any more
    "
  `));

  it("tell what heals", () =>
    expect(lines(broken(), viewWith())).toMatchInlineSnapshot(`
    "
    connected to nats at nats://127.0.0.1:14222
    station-1 leads the stations
    the coordinator of epoch 4 is in office on station-1
    station-1.recovery-supervisor runs (pid 102)
    satellite-1.transponder runs (pid 201)
    user-2 is up
    user-2.agent runs (pid 400)
    ticker/0 answers on user-1: http://127.0.0.1:30000/
    web/0 answers on user-1: http://127.0.0.1:30001/
    web/1 answers on user-2: http://127.0.0.1:30002/
    "
  `));

  it("tell of an instance that is restarted in place, moved, placeless, gone", () => {
    expect(lines(viewWith(), viewWithInstance("web/1", {}, 77))).toBe(
      "\nweb/1 answers on user-2: http://127.0.0.1:30002/\n",
    );
    expect(lines(viewWith(), viewWithInstance("web/1", { node: "user-1", port: 9 }, 78))).toBe(
      "\nweb/1 answers on user-1: http://127.0.0.1:9/\n",
    );
    const waiting = viewWithInstance("web/1", { reason: "no node fits" }, 0);
    const instances = waiting.instances.map((each) => (each.id === "web/1" ? { ...each, node: undefined } : each));
    const without = { ...waiting, instances };
    expect(lines(waiting, without)).toBe("\nweb/1 waits for a place: no node fits\n");
    const gone = { ...waiting, instances: waiting.instances.slice(0, 2) };
    expect(lines(waiting, gone)).toBe("\nweb/1 is gone\n");
  });
});

describe("the last page of the story", () => {
  it("says what was broken, how long it took, whether it held, and what did not", () => {
    const measured = "to its health answer";
    const table = durationsTable([
      { name: "service", deed: "kill -9 of web/0", measured, spanMs: 412.3, broken: [] },
      { name: "node", deed: "kill -9 of node user-1", measured, spanMs: 5_000, broken: [] },
      { name: "broker", deed: "stop of nats-server", measured, spanMs: 900, broken: ["web/1 was restarted"] },
    ]);
    expect(`\n${table.join("\n")}\n`).toMatchInlineSnapshot(`
      "
      WHAT WAS BROKEN         MEASURED                 TOOK  UNDER 5 s
      kill -9 of web/0        to its health answer   0.41 s  held
      kill -9 of node user-1  to its health answer   5.00 s  FAILED
      stop of nats-server     to its health answer   0.90 s  FAILED

      broker: web/1 was restarted
      "
    `);
  });
});
