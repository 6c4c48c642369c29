import { subjectsOf } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { EdgeCluster } from "./edge-cluster.ts";
import { Scribe } from "./scribe.ts";

const MONITORS = ["satellite-1", "satellite-2", "satellite-3"];

/** Sends a heartbeat a second and notes who acknowledges what. */
class Agent {
  readonly acknowledged: string[] = [];
  session: number;
  monitors: readonly string[] = MONITORS;
  isSilent = false;
  #seq = 0;

  constructor(cluster: EdgeCluster, node: string, session: number) {
    this.session = session;
    cluster.start(`${node}.node-agent`, ({ clock, post }) => {
      const subjects = subjectsOf(post.cluster);
      post.subscribe(subjects.acks(node), "heartbeatAck", ({ value }) =>
        this.acknowledged.push(`${value.monitor} ${value.session}`),
      );
      const beat = (): void => {
        clock.at(clock.nowMs() + 1_000, beat);
        if (this.isSilent) return;
        const value = { node, agentIncarnation: "a", session: this.session, seq: ++this.#seq };
        for (const monitor of this.monitors) post.publish(subjects.heartbeat(monitor), { kind: "heartbeat", value });
      };
      beat();
      return { stop: () => undefined };
    });
  }

  /** Who acknowledges within the next seconds. */
  heardBy(cluster: EdgeCluster, spanMs = 2_500): readonly string[] {
    this.acknowledged.length = 0;
    cluster.runFor(spanMs);
    return [...new Set(this.acknowledged)].sort();
  }
}

/** A station, three monitors, and nodes that have been given session 1 in their presence. */
function setup(nodes: readonly string[], monitors = MONITORS) {
  const cluster = new EdgeCluster();
  cluster.station("station-1");
  cluster.runFor(1_500);
  const scribe = new Scribe(cluster, "station-1");
  for (const node of monitors) cluster.monitor(node);
  cluster.until("they have begun", 3_000, () => scribe.startedMonitors().length === monitors.length);
  scribe.write(Object.fromEntries(nodes.map((node) => [node, { sessions: { 1: monitors } }])));
  const agents = new Map(nodes.map((node) => [node, new Agent(cluster, node, 1)]));
  const agent = (node: string): Agent => agents.get(node) ?? new Agent(cluster, node, 1);
  cluster.runFor(10_000);
  return { cluster, scribe, agent };
}

const all = (node: string, session: number): readonly string[] => MONITORS.map((name) => `${name} ${node}/${session}`);

describe("monitors", () => {
  it("acknowledge who lives and accuse nobody", () => {
    const { cluster, scribe, agent } = setup(["user-1", "user-2"]);
    cluster.runFor(60_000);
    expect(scribe.accused()).toEqual([]);
    expect(agent("user-1").heardBy(cluster)).toEqual(MONITORS.map((name) => `${name} 1`));
  });

  it("accuse a silent node, all of them, in time for a recovery within 5 s", () => {
    const { cluster, scribe, agent } = setup(["user-1", "user-2"]);
    agent("user-1").isSilent = true;
    cluster.runFor(2_900);
    expect(scribe.accused()).toEqual([]);
    cluster.runFor(1_700);
    expect(scribe.accused()).toEqual(all("user-1", 1));
    for (const { accusations } of scribe.accusations())
      for (const { silentMs } of accusations) {
        expect(silentMs).toBeGreaterThan(2_800);
        expect(silentMs).toBeLessThan(4_600);
      }
  });

  it("never acknowledge a session again that they accused, nor an older one; a newer one at once", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    const user = agent("user-1");
    user.isSilent = true;
    cluster.runFor(5_000);
    expect(scribe.accused()).toEqual(all("user-1", 1));
    user.isSilent = false;
    expect(user.heardBy(cluster, 30_000)).toEqual([]);
    // Also when the station has forgotten all about it.
    scribe.write({ "user-1": { state: "down", sessions: {} } });
    expect(user.heardBy(cluster, 30_000)).toEqual([]);
    user.session = 2;
    expect(user.heardBy(cluster)).toEqual(MONITORS.map((name) => `${name} 2`));
    user.session = 1;
    expect(user.heardBy(cluster)).toEqual([]);
  });

  it("repeat an accusation while it is true: until the node is heard in a newer session", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    const user = agent("user-1");
    user.isSilent = true;
    cluster.runFor(10_000);
    const before = scribe.accusations().length;
    cluster.runFor(3_000);
    expect(scribe.accusations().length - before).toBeGreaterThanOrEqual(6);
    scribe.write({ "user-1": { sessions: { 1: MONITORS, 2: MONITORS } } });
    user.session = 2;
    user.isSilent = false;
    cluster.runFor(2_000);
    const after = scribe.accusations().length;
    cluster.runFor(20_000);
    expect(scribe.accusations()).toHaveLength(after);
  });

  it("repeat an accusation no more when the session is not in force any more", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    agent("user-1").isSilent = true;
    cluster.runFor(5_000);
    scribe.write({ "user-1": { state: "down", sessions: {} } });
    cluster.runFor(3_000);
    const after = scribe.accusations().length;
    cluster.runFor(20_000);
    expect(scribe.accusations()).toHaveLength(after);
  });

  it("accuse a session that they never heard, and with the newest all older ones", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    scribe.write({ "user-9": { sessions: { 5: MONITORS } } });
    cluster.runFor(6_500);
    expect(scribe.accused()).toEqual(all("user-9", 5));
    scribe.write({ "user-1": { sessions: { 1: MONITORS, 2: MONITORS } } });
    cluster.runFor(10_000);
    expect(scribe.accused(), "the node lives, in the older session").toEqual(all("user-9", 5));
    agent("user-1").isSilent = true;
    cluster.runFor(5_000);
    expect(scribe.accused()).toEqual([...all("user-1", 1), ...all("user-1", 2), ...all("user-9", 5)].sort());
  });

  it("do not accuse a node that a fellow monitor hears", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    agent("user-1").monitors = ["satellite-2"];
    cluster.runFor(20_000);
    expect(scribe.accused()).toEqual([]);
    agent("user-1").monitors = [];
    cluster.runFor(6_000);
    expect(scribe.accused()).toEqual(all("user-1", 1));
  });

  it("judge nobody across a gap of the bus, nor one that is cut off itself", () => {
    for (const spanMs of [2_000, 20_000]) {
      const { cluster, scribe } = setup(["user-1", "user-2"]);
      cluster.bus.stop();
      cluster.runFor(spanMs);
      cluster.bus.start();
      cluster.runFor(15_000);
      expect(scribe.accused()).toEqual([]);
      cluster.cut.add("satellite-1");
      cluster.runFor(spanMs);
      cluster.cut.clear();
      cluster.runFor(15_000);
      expect(scribe.accused()).toEqual([]);
    }
  });

  it("T9 a bus that hangs, and tells nobody so, gets nobody accused", () => {
    const { cluster, scribe } = setup(["user-1", "user-2"]);
    const every = ["station-1", ...MONITORS, "user-1", "user-2"];
    for (const node of every) cluster.cut.add(node);
    cluster.runFor(20_000);
    cluster.cut.clear();
    cluster.runFor(15_000);
    expect(scribe.accused()).toEqual([]);
  });

  it("still accuse who is gone when the gap is over", () => {
    const { cluster, scribe, agent } = setup(["user-1", "user-2"]);
    cluster.bus.stop();
    agent("user-2").isSilent = true;
    cluster.runFor(5_000);
    cluster.bus.start();
    cluster.runFor(5_000);
    expect(scribe.accused()).toEqual(all("user-2", 1));
    // Judged since the gap, but counted since the last acknowledgement.
    for (const { silentMs } of scribe.accusations().flatMap(({ accusations }) => accusations))
      expect(silentMs).toBeGreaterThan(7_000);
  });

  it("acknowledge nothing that was given before their start, say so, and count silence from it", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    cluster.runFor(2_000);
    cluster.kill("satellite-1.monitor");
    const startMs = cluster.nowMs;
    cluster.monitor("satellite-1");
    expect(agent("user-1").heardBy(cluster, 20_000)).toEqual(["satellite-2 1", "satellite-3 1"]);
    expect(scribe.accused()).toEqual([]);
    expect(scribe.startedMonitors().filter((name) => name === "satellite-1")).toHaveLength(2);
    agent("user-1").session = 2;
    expect(agent("user-1").heardBy(cluster)).toEqual(MONITORS.map((name) => `${name} 2`));
    agent("user-1").session = 1;
    cluster.runFor(1_000);
    agent("user-1").isSilent = true;
    cluster.until("it accuses", 6_000, () => scribe.accused().includes("satellite-1 user-1/1"));
    const own = scribe
      .accusations()
      .flatMap(({ accusations }) => accusations.filter(({ monitor }) => monitor === "satellite-1"));
    expect(own[0]?.silentMs).toBeLessThanOrEqual(cluster.nowMs - startMs);
    expect(own[0]?.silentMs).toBeGreaterThan(3_000);
  });

  it("keep, through a restart, a promise that the station has on record", () => {
    const { cluster, scribe, agent } = setup(["user-1"]);
    cluster.kill("satellite-1.monitor");
    scribe.write({ "user-1": { sessions: { 1: MONITORS }, accusations: [{ session: 1, monitor: "satellite-1" }] } });
    cluster.monitor("satellite-1");
    cluster.runFor(10_000);
    expect(agent("user-1").heardBy(cluster)).toEqual(["satellite-2 1", "satellite-3 1"]);
  });

  it("drop messages that mean nothing, and live", () => {
    const { cluster, agent } = setup(["user-1"]);
    cluster.start("user-3.liar", ({ post, transport }) => {
      const subjects = subjectsOf(post.cluster);
      const beat = (node: string, session: number): void =>
        post.publish(subjects.heartbeat("satellite-1"), {
          kind: "heartbeat",
          value: { node, agentIncarnation: "", session, seq: 1 },
        });
      beat("no.name", 1);
      beat("*", 1);
      beat("user-1", 0);
      transport.publish(subjects.heartbeat("satellite-1"), new Uint8Array([1, 2, 3]));
      return { stop: () => undefined };
    });
    cluster.runFor(100);
    expect(cluster.status("satellite-1.monitor")["edge"]).toMatchObject({ malformed: 3, undecodable: 1 });
    expect(agent("user-1").heardBy(cluster)).toContain("satellite-1 1");
  });

  it("are named with what they say of themselves when a deadline passes", () => {
    const cluster = new EdgeCluster();
    cluster.monitor("satellite-1");
    expect(() => cluster.until("never", 10, () => false)).toThrow(
      /not within 10 ms: never\nsatellite-1.monitor {"healthy"/,
    );
  });
});
