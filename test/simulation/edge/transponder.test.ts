import { type CommandReply, type NodeCommand, subjectsOf } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { EdgeCluster, type ProcessPorts } from "./edge-cluster.ts";
import { Reporter } from "./reporter.ts";
import { Scribe } from "./scribe.ts";

interface Counters {
  readonly received: number;
  readonly merged: number;
  readonly forwarded: number;
}

const upOf = (cluster: EdgeCluster, node: string): Counters =>
  (cluster.status(`${node}.transponder`)["up"] as { counters: Counters }).counters;

/** A station, transponders and reporters that know of each other. */
function setup(transponders: readonly string[], reporterCount: number) {
  const cluster = new EdgeCluster();
  cluster.station("station-1");
  cluster.runFor(1_500);
  for (const node of transponders) cluster.transponder(node);
  cluster.runFor(1_500);
  const reporters = Array.from({ length: reporterCount }, (_, at) => new Reporter(cluster, `user-${at}`));
  cluster.runFor(500);
  return { cluster, reporters, scribe: new Scribe(cluster, "station-1") };
}

const payloads = (scribe: Scribe): readonly string[] =>
  scribe.events().map(({ event }) => new TextDecoder().decode(event?.payload));
const acknowledgedBy = (reporters: readonly Reporter[]): readonly string[] =>
  reporters.flatMap(({ acknowledged }) => acknowledged);

describe("transponders, upwards", () => {
  it("T3 one killed with unflushed reports loses none that was acknowledged, and the others arrive", () => {
    for (const afterMs of [1, 20, 80, 149, 151, 153, 160]) {
      const { cluster, reporters, scribe } = setup(["satellite-1", "satellite-2"], 40);
      for (const [at, reporter] of reporters.entries()) {
        reporter.submit(`a${at}`);
        reporter.submit(`b${at}`);
      }
      cluster.runFor(afterMs);
      expect(upOf(cluster, "satellite-1").received, "it holds some").toBeGreaterThan(0);
      cluster.kill("satellite-1.transponder");
      const acknowledged = acknowledgedBy(reporters);
      expect(payloads(scribe)).toEqual(expect.arrayContaining([...acknowledged]));
      cluster.until("all are acknowledged", 5_000, () => acknowledgedBy(reporters).length === 80);
      expect([...payloads(scribe)].sort()).toEqual([...acknowledgedBy(reporters)].sort());
    }
  });

  it("T4 with none left reports arrive directly, and one that comes back is used again", () => {
    const { cluster, reporters, scribe } = setup(["satellite-1"], 3);
    const round = (name: string): void => {
      for (const { node } of reporters) reporters.find((each) => each.node === node)?.submit(`${name} ${node}`);
      const before = acknowledgedBy(reporters).length;
      cluster.until(`${name} is acknowledged`, 3_000, () => acknowledgedBy(reporters).length === before + 3);
    };
    round("first");
    expect(upOf(cluster, "satellite-1")).toMatchObject({ received: 3, forwarded: 3 });
    cluster.kill("satellite-1.transponder");
    round("second");
    cluster.runFor(10_000);
    round("third");
    cluster.transponder("satellite-1");
    cluster.runFor(6_000);
    expect(upOf(cluster, "satellite-1").received).toBe(0);
    round("fourth");
    expect(upOf(cluster, "satellite-1")).toMatchObject({ received: 3, forwarded: 3 });
    expect(scribe.events()).toHaveLength(12);
  });

  it("share the work, four of them", () => {
    const satellites = ["satellite-1", "satellite-2", "satellite-3", "satellite-4"];
    const { cluster, reporters } = setup(satellites, 60);
    for (const [at, reporter] of reporters.entries())
      for (let count = 0; count < 10; count++) reporter.submit(`${at} ${count}`);
    cluster.until("all are acknowledged", 5_000, () => acknowledgedBy(reporters).length === 600);
    const received = satellites.map((node) => upOf(cluster, node).received);
    expect(received.reduce((sum, each) => sum + each, 0)).toBe(600);
    expect(Math.min(...received)).toBeGreaterThan(60);
  });

  it("merge what is said of one failure, and lose no accuser", () => {
    const { cluster, reporters, scribe } = setup(["satellite-1", "satellite-2", "satellite-3"], 30);
    for (const [at, reporter] of reporters.entries()) {
      reporter.accuse("user-99", 4, 3_000 + at);
      reporter.accuse("user-98", at < 15 ? 1 : 2, 3_000);
      reporter.submit(`other ${at}`);
    }
    cluster.until("all are acknowledged", 5_000, () => acknowledgedBy(reporters).length === 90);
    const found = scribe.accusations();
    const about = found.map(({ node, session, accusations }) => `${node}/${session} ${accusations.length}`).sort();
    expect(about).toEqual(["user-98/1 15", "user-98/2 15", "user-99/4 30"]);
    const silent = found
      .find(({ node }) => node === "user-99")
      ?.accusations.map(({ monitor, silentMs }) => `${monitor} ${silentMs}`);
    expect([...(silent ?? [])].sort()).toEqual(reporters.map(({ node }, at) => `${node} ${3_000 + at}`).sort());
    expect(scribe.events()).toHaveLength(33);
  });

  it("tell a reporter nothing before it is durable", () => {
    const { cluster, reporters, scribe } = setup(["satellite-1"], 5);
    cluster.kill("station-1.station-replica");
    for (const reporter of reporters) reporter.submit("x");
    cluster.runFor(20_000);
    expect(acknowledgedBy(reporters)).toEqual([]);
    cluster.station("station-1");
    cluster.until("all are acknowledged", 5_000, () => acknowledgedBy(reporters).length === 5);
    expect(scribe.events()).toHaveLength(5);
  });
});

/** Answers commands; a mute one only takes note. */
function agent(cluster: EdgeCluster, node: string, isMute: () => boolean = () => false): readonly string[] {
  const taken: string[] = [];
  cluster.start(`${node}.node-agent`, ({ post }: ProcessPorts) => {
    post.subscribe(subjectsOf(post.cluster).command(node), "command", ({ value: { id }, respond }) => {
      taken.push(id);
      if (!isMute()) respond?.({ kind: "commandReply", value: { id, outcome: "done", message: "" } });
    });
    return { stop: () => undefined };
  });
  return taken;
}

const command = (id: string, node: string): NodeCommand => ({
  id,
  node,
  epoch: 1,
  action: { kind: "stop", value: { instance: "web/0", generation: 1 } },
});

function sendBatch(cluster: EdgeCluster, commands: readonly NodeCommand[]): readonly CommandReply[] {
  let replies: readonly CommandReply[] | undefined;
  cluster.start("station-1.batcher", ({ post }) => {
    const batch = { kind: "batch", value: { id: "b1", commands } } as const;
    post.request(subjectsOf(post.cluster).batch, batch, "batchReply", 5_000, (outcome) => {
      replies = outcome.kind === "reply" ? outcome.value.replies : [];
    });
    return { stop: () => undefined };
  });
  cluster.until("the batch is answered", 5_000, () => replies !== undefined);
  return replies ?? [];
}

describe("transponders, downwards", () => {
  it("deliver a batch and tell the exact outcome of each command", () => {
    const { cluster } = setup(["satellite-1"], 0);
    const taken = Array.from({ length: 200 }, (_, at) => agent(cluster, `user-${at}`));
    const mute = agent(cluster, "mute-1", () => true);
    const commands = [
      ...taken.map((_, at) => command(`c${at}`, `user-${at}`)),
      command("m", "mute-1"),
      command("gone", "gone-1"),
      command("bad", "no.name"),
    ];
    const replies = sendBatch(cluster, commands);
    expect(replies.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      ...taken.map((_, at) => `c${at} done`),
      "m unreachable",
      "gone unreachable",
      "bad refused",
    ]);
    expect(taken.every((ids, at) => ids.join() === `c${at}`)).toBe(true);
    expect(mute).toEqual(["m", "m"]);
  });

  it("send to one destination one command at a time, in order, and repeat it once", () => {
    const { cluster } = setup(["satellite-1"], 0);
    let silent = 1;
    const taken = agent(cluster, "user-1", () => silent-- > 0);
    const replies = sendBatch(
      cluster,
      ["a", "b", "c"].map((id) => command(id, "user-1")),
    );
    expect(replies.map(({ outcome }) => outcome)).toEqual(["done", "done", "done"]);
    expect(taken).toEqual(["a", "a", "b", "c"]);
  });
});
