// Runs in a container beside the cluster, fed to `node -`: writes what it sees, one line of JSON each time.
// Arguments: addresses of stations (HOST:PORT,…), milliseconds between lines.
import { setTimeout as wait } from "node:timers/promises";
import { HalonClient } from "@halon/halonctl";
import type { ClusterView, InstanceView, Sighting } from "../view.ts";

const ASK_MS = 2_000;
const ANSWER_MS = 400;

const [addresses = "", everyMs = "50"] = process.argv.slice(2);
const open = (): HalonClient => new HalonClient({ addresses: addresses.split(","), timeoutMs: ASK_MS });
let client = open();
/** By instance, the node that its newest answer came from. */
const answers = new Map<string, string>();
const asking = new Set<string>();

/** A node's programs are reached by the node's name: it is the name of the agent's container. */
async function ask(id: string, node: string, port: number): Promise<void> {
  const key = `${id} ${node} ${port}`;
  if (asking.has(key)) return;
  asking.add(key);
  try {
    const response = await fetch(`http://${node}:${port}/health`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const said = (await response.json()) as { readonly instance?: string; readonly node?: string };
    if (response.ok && said.instance === id) answers.set(id, said.node ?? "");
  } catch {
    answers.delete(id);
  } finally {
    asking.delete(key);
  }
}

async function look(): Promise<ClusterView> {
  const [status, { services }] = await Promise.all([client.getStatus(), client.listServices("")]);
  const instances = services.flatMap((service) => service.instances);
  for (const { id, node, port } of instances) {
    if (answers.get(id) !== node) answers.delete(id);
    if (node !== "" && port !== 0) void ask(id, node, port);
  }
  return {
    clusterId: status.clusterId,
    leader: status.leader,
    epoch: status.epoch,
    checkpoint: status.checkpoint,
    coordinator: status.coordinator,
    nodesUp: status.nodes.filter(({ state }) => state === "up").map(({ name }) => name),
    instances: instances.map(({ id, node }): InstanceView => ({ id, node, answersFrom: answers.get(id) ?? "" })),
  };
}

process.once("SIGTERM", () => process.exit());
for (;;) {
  let sighting: Sighting;
  try {
    sighting = { kind: "view", view: await look() };
  } catch (error) {
    sighting = { kind: "blind", why: error instanceof Error ? error.message : String(error) };
    await client.close();
    client = open();
  }
  process.stdout.write(`${JSON.stringify(sighting)}\n`);
  await wait(Number(everyMs));
}
