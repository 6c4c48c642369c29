import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import {
  Cluster,
  clusterSchema,
  connect,
  eventKind,
  type GraphNews,
  type HalonClient,
  Instance,
  Node,
} from "@halon/client";
import { encodeStateCommand, type StateCommand } from "@halon/proto";
import { changesToStore, encodeChange, Graph, type GraphDraft } from "@halon/resource-graph";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, until } from "./station-group.ts";

const MONITOR = fileURLToPath(new URL("../../examples/monitor.mjs", import.meta.url));
const CLUSTER = "acceptance";
const Happened = eventKind<{ readonly text: string }>("test.happened");
const instance = (port: number) =>
  ({ generation: 1, desired: "running", state: "running", port, restarts: 0, reason: "" }) as const;

let group: StationGroup;
let client: HalonClient;
let graph: Graph;
let checkpoint: number;
let monitor: ChildProcess | undefined;
let listening: Server | undefined;
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  await group.leader();
  client = await connect({ cluster: CLUSTER, name: "user-1.test", servers: [group.nats.url] });
  graph = Graph.empty(clusterSchema);
  checkpoint = 0;
  await command({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: "test" } });
});
afterEach(async () => {
  monitor?.kill("SIGKILL");
  listening?.close();
  await client?.close();
  await group?.stop();
});

async function command(each: StateCommand): Promise<void> {
  const outcome = await group.command(encodeStateCommand(each));
  if (outcome.kind !== "result") throw new Error(JSON.stringify(outcome));
}

/** What a coordinator would do. */
async function change(work: (draft: GraphDraft) => void): Promise<void> {
  const changed = graph.change(work);
  graph = changed.graph;
  const changes = changesToStore(changed.changes.map(encodeChange)).map(({ key, value }) => ({
    key: `g/${key}`,
    ...(value !== undefined && { value }),
  }));
  await command({
    kind: "checkpoint",
    value: { epoch: 1, number: ++checkpoint, consumed: [], changes, decisions: [] },
  });
}

const entriesOf = (each: Graph | undefined): string => JSON.stringify([...(each?.entries() ?? [])]);

it("a client follows the graph and submits events while the leader and then the broker die", async () => {
  await change((draft) => {
    draft.insert(Cluster, "cluster", {});
    draft.insert(Node, "user-1", { kind: "user", state: "up", roles: [] });
  });
  const news: GraphNews[] = [];
  const following = (async () => {
    for await (const each of client.graph.watch(clusterSchema)) news.push(each);
  })();
  const isAlike = (): boolean => entriesOf(news.at(-1)?.graph) === entriesOf(graph);
  const describe = (): string => group.describe(JSON.stringify(news.map(({ kind, index }) => [kind, index])));
  await until(isAlike, describe);

  const leader = await group.leader();
  await group.station(leader).end("SIGKILL");
  await client.submit(Happened, { text: "without the leader" });
  await change((draft) => draft.update(Node, "user-1", { state: "down" }));
  await until(isAlike, describe);
  expect((await client.graph.get(Node, "user-1"))?.state).toBe("down");

  await group.nats.kill();
  const submitted = client.submit(Happened, { text: "without the broker" });
  await group.nats.restart();
  await submitted;
  await group.leader();
  await change((draft) => draft.update(Node, "user-1", { state: "up" }));
  await until(isAlike, describe);
  expect(
    (await group.events(await group.leader(), 0)).map((text) => (JSON.parse(text) as { text: string }).text),
  ).toEqual(["without the leader", "without the broker"]);
  await client.close();
  await following;
});

it("the example monitor finds out who is deaf, and says so to the cluster", async () => {
  const server = createServer((socket) => socket.end());
  listening = server;
  const port = await new Promise<number>((done) =>
    server.listen(0, "127.0.0.1", () => done((server.address() as { port: number }).port)),
  );
  const deaf = await new Promise<number>((done) => {
    const gone = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = gone.address() as { port: number };
      gone.close(() => done(free));
    });
  });
  await change((draft) => void draft.insert(Instance, "web/0", instance(port)));
  let output = "";
  const args = [MONITOR, "user-1.knocker", CLUSTER, group.nats.url];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  monitor = child;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-100_000);
    });
  await until(
    () => output.includes("snapshot at"),
    () => `no snapshot: ${output}`,
  );
  await change((draft) => void draft.insert(Instance, "web/1", instance(deaf)));
  await until(
    () => output.includes("web/1 is deaf: stored"),
    () => `nothing is found: ${output}`,
  );
  const leader = await group.leader();
  const [event = ""] = await group.events(leader, 0);
  expect(JSON.parse(event)).toEqual({ instance: "web/1" });
  expect(output).not.toContain("web/0 is deaf");
  // A program with wrong arguments is told what to write.
  const wrong = spawn(process.execPath, [MONITOR, "knocker"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  wrong.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await until(
    () => said.includes("write NODE.PROGRAM"),
    () => `not told: ${said}`,
  );
});
