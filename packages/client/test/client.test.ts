import { relation, Schema, vertexType } from "@halon/resource-graph";
import { beforeEach, describe, expect, it } from "vitest";
import {
  type ClientError,
  Cluster,
  clusterSchema,
  eventKind,
  type GraphNews,
  type HalonClient,
  hasInstance,
  hasNode,
  Instance,
  Node,
  runsOn,
  Service,
} from "../src/index.ts";
import { entriesOf, TestCluster } from "./cluster.ts";

const DiskFull = eventKind<{ readonly node: string }>("disk-full");
const CLUSTER = Cluster.id("cluster");
const NODE = { kind: "user", state: "up", roles: ["node-agent"] } as const;
const INSTANCE = { generation: 1, desired: "running", state: "running", port: 80, restarts: 0, reason: "" } as const;

let cluster: TestCluster;
let client: HalonClient;
beforeEach(async () => {
  cluster = new TestCluster();
  client = cluster.client();
  await cluster.until(() => cluster.leader !== "" && client.status.leader === cluster.leader, "all is known");
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await cluster.settle(promise);
  } catch (error) {
    return `${(error as ClientError).code}: ${(error as ClientError).message}`;
  }
  return "none";
}

/** Two nodes, a service with one instance. */
const found = (): Promise<void> =>
  cluster.change((draft) => {
    draft.insert(Cluster, "cluster", {});
    for (const node of ["user-1", "user-2"]) draft.connect(hasNode, CLUSTER, draft.insert(Node, node, NODE));
    const web = draft.insert(Service, "web", { command: ["web"], exclusive: false, instances: 1 });
    const instance = draft.insert(Instance, "web/0", INSTANCE);
    draft.connect(hasInstance, web, instance);
    draft.connect(runsOn, instance, Node.id("user-1"));
  });
const setState = (id: string, state: "up" | "down"): Promise<void> =>
  cluster.change((draft) => {
    draft.update(Node, id, { state });
  });

describe("submitting", () => {
  it("E4 resolves when the event is stored, also when the leader dies meanwhile", async () => {
    await cluster.settle(client.submit(DiskFull, { node: "user-1" }));
    const { leader } = cluster;
    const submitted = client.submit(DiskFull, { node: "user-2" });
    await cluster.kill(leader);
    await cluster.settle(submitted);
    const other = ["a", "b", "c"].find((node) => node !== leader) as string;
    await cluster.until(() => cluster.eventsAt(other).length === 2, "it is applied there");
    expect(cluster.eventsAt(other)).toEqual(['disk-full {"node":"user-1"}', 'disk-full {"node":"user-2"}']);
  });

  it("E5 without a majority it waits; who gives up is told that nobody knows; later it arrives", async () => {
    await cluster.kill("b");
    await cluster.kill("c");
    const leaving = new AbortController();
    const submitted = client.submit(DiskFull, { node: "user-1" }, { signal: leaving.signal });
    await cluster.pass(3_000);
    expect(client.status.eventsWaiting).toBe(1);
    leaving.abort();
    expect(await codeOf(submitted)).toMatch(/^cancelled: /);
    cluster.start("b");
    await cluster.until(() => cluster.eventsAt("a").length === 1, "it arrives");
  });

  it("E7 what cannot be an event is refused, with what to do, and nothing is sent", async () => {
    expect(() => eventKind("Disk full")).toThrow(/"Disk full": use 1 to 64 characters of a-z/);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    expect(await codeOf(client.submit(eventKind<unknown>("x"), circular))).toMatch(/^bad-event: event x cannot be enc/);
    expect(await codeOf(client.submit(eventKind<string>("x"), "y".repeat(200_000)))).toMatch(/^bad-event: .*at most/);
    expect(client.status.eventsWaiting).toBe(0);
  });

  it("a client that is closed ends what waits, and takes nothing more", async () => {
    await cluster.kill("b");
    await cluster.kill("c");
    const submitted = client.submit(DiskFull, { node: "user-1" });
    const read = client.graph.get(Node, "user-1");
    const codes = Promise.all([codeOf(submitted), codeOf(read)]);
    await cluster.settle(client.close());
    for (const code of await codes) expect(code).toMatch(/^closed: /);
    expect(await codeOf(client.submit(DiskFull, { node: "x" }))).toMatch(/^closed: /);
    expect(client.status.open).toBe(0);
  });

  it.each([
    ["a cluster that is no name", { cluster: "a b", name: "user-1.x" }, /cluster "a b": use/],
    ["a name without a program", { cluster: "c", name: "user-1" }, /write NODE\.PROGRAM/],
    ["a name that could be another subject", { cluster: "c", name: "user-1.*" }, /write NODE\.PROGRAM/],
  ])("%s is refused", async (_, options, why) => {
    const { connect } = await import("../src/index.ts");
    await expect(connect({ servers: ["nats://127.0.0.1:1"], ...options })).rejects.toMatchObject({
      code: "bad-option",
      message: expect.stringMatching(why),
    });
  });

  it("addresses and credentials that cannot be are refused at once", async () => {
    const { connect } = await import("../src/index.ts");
    const options = { cluster: "c", name: "user-1.x" };
    for (const servers of [[], ["http://broker"]])
      await expect(connect({ ...options, servers })).rejects.toMatchObject({ code: "bad-option" });
    const credentials = "/nowhere/my.creds";
    await expect(connect({ ...options, servers: ["nats://127.0.0.1:1"], credentials })).rejects.toMatchObject({
      code: "bad-option",
      message: expect.stringContaining("/nowhere/my.creds cannot be read"),
    });
    const signal = AbortSignal.timeout(200);
    await expect(connect({ ...options, servers: ["nats://127.0.0.1:1"], signal })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

describe("queries", () => {
  it("are typed, and see all that was decided before", async () => {
    await found();
    const { graph } = client;
    const instance = await cluster.settle(graph.get(Instance, "web/0"));
    expect(instance?.port).toBe(80);
    expect(await cluster.settle(graph.get(Node, "user-9"))).toBeUndefined();
    const names: string[] = [];
    await cluster.settle(
      (async () => {
        for await (const [id, { state }] of graph.all(Node)) names.push(`${id} ${state}`);
      })(),
    );
    expect(names).toEqual(["user-1 up", "user-2 up"]);
    expect(await cluster.settle(graph.out(runsOn, Instance.id("web/0")))).toEqual(["user-1"]);
    expect(await cluster.settle(graph.in(runsOn, Node.id("user-1")))).toEqual(["web/0"]);
    expect(await cluster.settle(graph.out(hasNode, CLUSTER))).toEqual(["user-1", "user-2"]);
    for (let round = 0; round < 5; round++) {
      const state = round % 2 === 0 ? "down" : "up";
      await setState("user-1", state);
      expect((await cluster.settle(graph.get(Node, "user-1")))?.state).toBe(state);
    }
  });

  it("go to another station when one is gone, and with `atLeast: 0` also to the last one", async () => {
    await found();
    await cluster.kill(cluster.leader);
    expect((await cluster.settle(client.graph.get(Node, "user-1")))?.state).toBe("up");
    const [last = "", gone = ""] = ["a", "b", "c"].filter((node) => node !== cluster.leader && cluster.isUp(node));
    await cluster.kill(gone === "" ? last : gone);
    const leaving = new AbortController();
    const fresh = client.graph.get(Node, "user-1", { signal: leaving.signal });
    expect((await cluster.settle(client.graph.get(Node, "user-1", { atLeast: 0 })))?.state).toBe("up");
    leaving.abort();
    expect(await codeOf(fresh)).toMatch(/^cancelled: /);
  });

  it("a vertex that is not what the program thinks is refused by its name", async () => {
    await found();
    const Strange = vertexType("Node", (value) =>
      "colour" in (value as object) ? (value as { colour: string }) : "no colour",
    );
    expect(await codeOf(client.graph.get(Strange, "user-1"))).toBe(
      'bad-value: Node "user-1" is not what this program\'s schema says: no colour',
    );
  });
});

/** Follows the graph in a loop of its own. */
class Follower {
  readonly news: GraphNews[] = [];
  error: unknown;
  isOver = false;
  isPaused = false;
  readonly #resume: (() => void)[] = [];

  constructor(of: HalonClient, schema = clusterSchema, signal?: AbortSignal) {
    void this.#follow(of, schema, signal);
  }

  get last(): GraphNews | undefined {
    return this.news.at(-1);
  }

  get kinds(): readonly string[] {
    return this.news.map((news) => (news.kind === "snapshot" && news.isResync ? "resync" : news.kind));
  }

  resume(): void {
    this.isPaused = false;
    for (const each of this.#resume.splice(0)) each();
  }

  async #follow(of: HalonClient, schema: Schema, signal?: AbortSignal): Promise<void> {
    try {
      for await (const news of of.graph.watch(schema, { ...(signal && { signal }) })) {
        this.news.push(news);
        if (this.isPaused) await new Promise<void>((resolve) => this.#resume.push(resolve));
      }
    } catch (error) {
      this.error = error;
    }
    this.isOver = true;
  }
}

const isAlike = (follower: Follower): boolean =>
  JSON.stringify(entriesOf(follower.last?.graph)) === JSON.stringify(entriesOf(cluster.graph));

describe("a watch of the graph", () => {
  it("tells a snapshot, then each change, with the graph as of then", async () => {
    await found();
    const follower = new Follower(client);
    await cluster.until(() => follower.news.length === 1, "a snapshot");
    expect(entriesOf(follower.last?.graph)).toEqual(entriesOf(cluster.graph));
    await setState("user-2", "down");
    await cluster.change((draft) => {
      draft.remove(Instance, "web/0");
      draft.connect(hasNode, CLUSTER, draft.insert(Node, "user-3", NODE));
    });
    await cluster.until(() => isAlike(follower), "it follows");
    expect(follower.kinds.slice(0, 2)).toEqual(["snapshot", "changes"]);
    const changes = follower.news.flatMap((news) => (news.kind === "changes" ? news.changes : []));
    expect(changes.map(({ kind }) => kind)).toEqual([
      ...["putVertex", "removeEdge", "removeEdge", "removeVertex", "putVertex", "putEdge"],
    ]);
    const indices = follower.news.map(({ index }) => index);
    expect(indices).toEqual([...new Set(indices)].sort((x, y) => x - y));
    expect(follower.last?.graph.in(hasNode, Node.id("user-3"))).toEqual(["cluster"]);
  });

  it("begins with an empty graph where there is none yet, and sees the first vertex", async () => {
    const follower = new Follower(client);
    await cluster.until(() => follower.news.length === 1, "a snapshot");
    expect(follower.last?.graph.vertexCount).toBe(0);
    await found();
    await cluster.until(() => isAlike(follower), "it follows");
  });

  it("goes on over the death of one station after the other, without a resync", async () => {
    await found();
    const follower = new Follower(client);
    await cluster.until(() => follower.news.length === 1, "a snapshot");
    await cluster.pass(6_000);
    for (let round = 0; round < 4; round++) {
      const [asked = ""] = cluster.watched;
      await cluster.kill(asked);
      await setState("user-1", round % 2 === 0 ? "down" : "up");
      await cluster.until(() => isAlike(follower), "it follows at another station");
      cluster.start(asked);
      // By then it is told that somebody watches.
      await cluster.pass(8_000);
    }
    expect(follower.kinds).toEqual(["snapshot", "changes", "changes", "changes", "changes"]);
  });

  it("goes on when the broker was away", async () => {
    await found();
    const follower = new Follower(client);
    await cluster.until(() => follower.news.length === 1, "a snapshot");
    cluster.bus.stop();
    await cluster.pass(5_000);
    expect(client.status.connected).toBe(false);
    cluster.bus.start();
    await setState("user-1", "down");
    await cluster.until(() => isAlike(follower), "it follows again");
    expect(follower.error).toBeUndefined();
  });

  it("a loop that has slept too long is told the graph anew, and that something was missed", async () => {
    await found();
    const follower = new Follower(client);
    follower.isPaused = true;
    await cluster.until(() => follower.news.length === 1, "a snapshot");
    await setState("user-1", "down");
    await cluster.pass(90_000);
    await setState("user-2", "down");
    await cluster.pass(1_000);
    expect(follower.news.length).toBe(1);
    follower.resume();
    await cluster.until(() => isAlike(follower), "it has the newest");
    expect(follower.kinds).toContain("resync");
    await setState("user-2", "up");
    await cluster.until(() => isAlike(follower), "it goes on");
    expect(follower.last?.kind).toBe("changes");
  });

  it("ends with its signal, and with the client, and leaves nothing behind", async () => {
    await found();
    const leaving = new AbortController();
    const [first, second] = [new Follower(client, clusterSchema, leaving.signal), new Follower(client)];
    await cluster.until(() => first.news.length + second.news.length === 2, "snapshots");
    leaving.abort();
    await cluster.until(() => first.isOver, "the first is over");
    expect(second.isOver).toBe(false);
    await cluster.settle(client.close());
    await cluster.until(() => second.isOver, "the second is over");
    expect([first.error, second.error, client.status.open]).toEqual([undefined, undefined, 0]);
    await cluster.pass(10_000);
    expect(cluster.watched).toEqual([]);
  });

  it("RG6 keeps types that it does not know, and refuses a graph that is not what it thinks", async () => {
    const Disk = vertexType("Disk", (value) => value as { size: number });
    const holds = relation("holds", Node, Disk, { from: "one", to: "many" });
    cluster = new TestCluster(
      new Schema({ types: [Cluster, Node, Disk], relations: [hasNode, holds], roots: [Cluster] }),
    );
    client = cluster.client();
    await cluster.change((draft) => {
      draft.insert(Cluster, "cluster", {});
      const node = draft.insert(Node, "user-1", { ...NODE, rack: "r7" } as typeof NODE);
      draft.connect(hasNode, CLUSTER, node);
      draft.connect(holds, node, draft.insert(Disk, "sda", { size: 1 }));
    });
    const follower = new Follower(client);
    await cluster.until(() => isAlike(follower), "all of it");
    await cluster.change((draft) => {
      draft.update(Disk, "sda", { size: 2 });
    });
    await cluster.until(() => isAlike(follower), "changes of it too");

    const Picky = vertexType("Disk", (value) =>
      (value as { size: number }).size > 5 ? (value as { size: number }) : "too small",
    );
    const picky = new Follower(client, new Schema({ types: [Picky], relations: [], roots: [] }));
    await cluster.until(() => picky.isOver || picky.news.length > 0, "it is refused, or told");
    expect(() => {
      if (picky.error !== undefined) throw picky.error;
      picky.last?.graph.get(Picky, "sda");
    }).toThrow(/Disk "sda".*too small/);
  });
});
