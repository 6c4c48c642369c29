import {
  LATE_MS_MAX,
  type ListedNode,
  MONITOR_DEFAULTS,
  MonitorCore,
  type MonitorInput,
  type MonitorOutput,
  NODES_MAX,
  PROBE_MS,
} from "@halon/monitor";
import { describe, expect, it } from "vitest";

const start = { kind: "start", isConnected: true } as const;
const timer = { kind: "timer", name: "tick", random: 0 } as const;

const MONITORS = ["m1", "m2", "m3"];
const listedNode = (sessions: readonly number[], sessionLast = 0): ListedNode => ({
  node: "n1",
  sessions: sessions.map((session) => ({ session, monitors: MONITORS })),
  accused: 0,
  sessionLast,
});

/** A core in time of its own: ticks come when asked for, loopbacks come back unless it is deaf. */
class Bench {
  readonly core = new MonitorCore({ node: "m1", ...MONITOR_DEFAULTS });
  readonly out: MonitorOutput[] = [];
  nowMs = 5_000;
  isDeaf = false;
  #tickMs = 0;

  constructor({ isTold = true } = {}) {
    this.step(start);
    this.step({ kind: "listed", listing: isTold ? { nodes: [], unreadable: [] } : undefined });
  }

  step(input: MonitorInput): readonly MonitorOutput[] {
    const outputs = this.core.step(input, this.nowMs);
    for (const output of outputs) {
      if (output.kind === "timer") this.#tickMs = output.atMs ?? 0;
      else this.out.push(output);
    }
    for (const output of outputs) if (output.kind === "loopback" && !this.isDeaf) this.step(output);
    return outputs;
  }

  runFor(spanMs: number): void {
    const untilMs = this.nowMs + spanMs;
    while (this.#tickMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#tickMs);
      this.step(timer);
    }
    this.nowMs = untilMs;
  }

  beat(node = "n1", session = 1): void {
    this.step({ kind: "heartbeat", node, session, seq: 1 });
  }

  listed(...sessions: readonly number[]): void {
    this.step({ kind: "listed", listing: { nodes: [listedNode(sessions)], unreadable: [] } });
  }

  /** What came out since the last call, of one kind. */
  take<Kind extends MonitorOutput["kind"]>(kind: Kind): readonly (MonitorOutput & { kind: Kind })[] {
    const taken = this.out.splice(0).filter((output) => output.kind === kind);
    return taken as readonly MonitorOutput[] as readonly (MonitorOutput & { kind: Kind })[];
  }
}

describe("monitor core", () => {
  it("acknowledges only sessions that were given in its own life, and says so once it knows which", () => {
    const bench = new Bench({ isTold: false });
    bench.beat("n1", 9);
    expect(bench.take("acknowledge")).toEqual([]);
    expect(bench.take("sayUp")).toEqual([]);
    bench.step({ kind: "listed", listing: { nodes: [listedNode([2, 3], 4)], unreadable: ["n2"] } });
    expect(bench.take("sayUp")).toHaveLength(1);
    for (const session of [2, 3, 4, 5]) bench.beat("n1", session);
    bench.beat("n2", 7);
    bench.beat("n3", 1);
    expect(bench.take("acknowledge").map(({ node, session }) => [node, session])).toEqual([
      ["n1", 5],
      ["n3", 1],
    ]);
    // Later listings are no news, but of nodes that could not be read.
    const later = [listedNode([4, 5], 6), { ...listedNode([8], 8), node: "n2" }];
    bench.step({ kind: "listed", listing: { nodes: later, unreadable: [] } });
    expect(bench.take("sayUp")).toHaveLength(1);
    bench.step({ kind: "listed", listing: { nodes: later, unreadable: [] } });
    expect(bench.take("sayUp")).toEqual([]);
    for (const session of [8, 9]) bench.beat("n2", session);
    bench.beat("n1", 6);
    expect(bench.take("acknowledge").map(({ session }) => session)).toEqual([9, 6]);
  });

  it("says again that it has started until that is stored", () => {
    const bench = new Bench();
    expect(bench.take("sayUp")).toHaveLength(1);
    bench.runFor(5_000);
    expect(bench.take("sayUp")).toEqual([]);
    bench.step({ kind: "saidUp", isStored: false });
    bench.runFor(1_100);
    expect(bench.take("sayUp")).toHaveLength(1);
    bench.step({ kind: "saidUp", isStored: true });
    bench.runFor(5_000);
    expect(bench.take("sayUp")).toEqual([]);
  });

  it("takes a session that it does not acknowledge for a sign of life, and its silence for one of death", () => {
    const bench = new Bench({ isTold: false });
    bench.step({ kind: "listed", listing: { nodes: [listedNode([1], 1)], unreadable: [] } });
    for (let second = 0; second < 10; second++) {
      bench.runFor(1_000);
      bench.beat("n1", 1);
    }
    expect(bench.out.filter(({ kind }) => ["probe", "accuse", "acknowledge"].includes(kind))).toEqual([]);
    bench.step({ kind: "probe", token: 1, node: "n1", session: 1 });
    expect(bench.take("probeReply")[0]?.heard).toBe(true);
    bench.runFor(4_000);
    const [accusation] = bench.take("accuse");
    // Since its start: an earlier life may have acknowledged up to that.
    expect(accusation?.silentMs).toBeGreaterThan(12_000);
    expect(accusation?.silentMs).toBeLessThanOrEqual(14_000);
  });

  it("asks two of the session's monitors, and accuses when they have not heard it or had their time", () => {
    for (const replies of [0, 1, 2]) {
      const bench = new Bench();
      bench.listed(1);
      bench.beat();
      bench.take("probe");
      bench.runFor(2_900);
      expect(bench.take("probe")).toEqual([]);
      bench.runFor(100);
      const probes = bench.take("probe");
      expect(probes.map(({ monitor }) => monitor).sort()).toEqual(["m2", "m3"]);
      for (const { suspicion } of probes.slice(0, replies))
        bench.step({ kind: "probed", node: "n1", suspicion, silentMs: undefined });
      expect(bench.take("accuse")).toHaveLength(replies === 2 ? 1 : 0);
      bench.runFor(PROBE_MS);
      bench.step({ kind: "reported", node: "n1", session: 1 });
      expect(bench.take("accuse")).toHaveLength(replies === 2 ? 0 : 1);
    }
  });

  it("takes a fellow's word for a sign of life of that time", () => {
    const bench = new Bench();
    bench.listed(1);
    bench.runFor(3_000);
    const [probe] = bench.take("probe");
    bench.step({ kind: "probed", node: "n1", suspicion: probe?.suspicion ?? 0, silentMs: 1_000 });
    bench.runFor(1_900);
    expect(bench.take("probe")).toEqual([]);
    bench.runFor(200);
    expect(bench.take("probe")).toHaveLength(2);
  });

  it("accuses only when it has heard itself since the suspicion", () => {
    const bench = new Bench();
    bench.beat();
    bench.runFor(2_950);
    bench.isDeaf = true;
    bench.runFor(1_200);
    expect(bench.take("accuse")).toEqual([]);
    bench.runFor(10_000);
    expect(bench.take("accuse")).toEqual([]);
    bench.isDeaf = false;
    bench.runFor(2_900);
    expect(bench.take("accuse")).toEqual([]);
    bench.runFor(1_500);
    expect(bench.take("accuse").length).toBeGreaterThan(0);
  });

  it("lets a late turn or a lost connection, however short, begin the silence anew", () => {
    const lost = (bench: Bench): void => {
      bench.step({ kind: "connection", isConnected: false });
      bench.step({ kind: "connection", isConnected: true });
    };
    const late = (bench: Bench): void => {
      bench.nowMs += LATE_MS_MAX + 101;
    };
    for (const gap of [lost, late]) {
      const bench = new Bench();
      bench.beat();
      bench.runFor(2_500);
      gap(bench);
      bench.runFor(2_900);
      expect(bench.take("probe"), gap.name).toEqual([]);
      bench.runFor(200);
      bench.runFor(PROBE_MS);
      expect(bench.take("accuse"), gap.name).toHaveLength(1);
    }
  });

  it("counts the silence from the last acknowledgement of that session, less what clocks may differ", () => {
    const bench = new Bench();
    bench.listed(1, 2);
    bench.beat("n1", 1);
    bench.runFor(500);
    bench.beat("n1", 2);
    bench.runFor(3_400);
    const accused = bench.take("accuse").map(({ session, silentMs }) => [session, silentMs]);
    // Session 2 is accused 3 400 ms after its last acknowledgement, session 1 in the same step.
    expect(accused).toEqual([
      [1, Math.floor(3_900 / 1.05)],
      [2, Math.floor(3_400 / 1.05)],
    ]);
  });

  it("counts a node that it has forgotten not longer than it may have acknowledged it", () => {
    const bench = new Bench();
    for (let second = 0; second <= 11; second++) {
      bench.runFor(1_000);
      bench.beat("n2", 1);
    }
    const ackedMs = bench.nowMs;
    // Listed by nobody in all that time: watched no more.
    bench.step({ kind: "listed", listing: { nodes: [], unreadable: [] } });
    expect(bench.core.status).toMatchObject({ watched: 0 });
    bench.step({
      kind: "listed",
      listing: { nodes: [{ ...listedNode([1]), node: "n9" }], unreadable: [] },
    });
    bench.runFor(4_000);
    const [first] = bench.take("accuse").filter(({ node }) => node === "n9");
    expect(first?.silentMs).toBeLessThanOrEqual(bench.nowMs - ackedMs);
    expect(first?.silentMs).toBeGreaterThan(2_500);
  });

  it("repeats an accusation each second, one report at a time", () => {
    const bench = new Bench();
    bench.beat();
    bench.runFor(20_000);
    expect(bench.take("accuse")).toHaveLength(1);
    for (let second = 0; second < 5; second++) {
      bench.step({ kind: "reported", node: "n1", session: 1 });
      bench.runFor(1_000);
    }
    expect(bench.take("accuse")).toHaveLength(5);
  });

  it("lets go at once of a session that a station no longer lists", () => {
    const bench = new Bench();
    bench.listed(1);
    bench.beat();
    bench.runFor(2_000);
    bench.listed();
    bench.runFor(10_000);
    expect(bench.take("probe")).toEqual([]);
  });

  it("keeps nodes that it could not read", () => {
    const bench = new Bench();
    bench.listed(1);
    bench.step({ kind: "listed", listing: { nodes: [], unreadable: ["n1"] } });
    bench.runFor(3_500);
    expect(bench.take("accuse")).toHaveLength(1);
  });

  it("tells fellow monitors what it has heard of late", () => {
    const bench = new Bench();
    bench.beat("n1", 2);
    bench.runFor(1_500);
    const ask = (node: string, session: number): unknown => {
      bench.step({ kind: "probe", token: 1, node, session });
      return bench.take("probeReply")[0]?.heard;
    };
    expect([ask("n1", 1), ask("n1", 2), ask("n1", 3), ask("n2", 1)]).toEqual([true, true, false, false]);
    bench.runFor(1_500);
    expect(ask("n1", 2)).toBe(false);
  });

  it("watches so many nodes and no more, and says so", () => {
    const bench = new Bench();
    for (let at = 0; at < NODES_MAX + 3; at++) bench.beat(`n${at}`);
    expect(bench.take("acknowledge")).toHaveLength(NODES_MAX);
    expect(bench.core.status).toMatchObject({ watched: NODES_MAX, counters: { overflow: 3 } });
    bench.beat("n1");
    expect(bench.take("acknowledge")).toHaveLength(1);
  });
});
