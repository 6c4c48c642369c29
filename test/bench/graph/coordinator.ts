import { createCoordinator, Instance, Node, runsOn } from "@halon/coordinator";
import { Post } from "@halon/proto";
import type { GraphView } from "@halon/resource-graph";
import { eventType, rule } from "@halon/rules";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { CHANGE_EVENT, type ChangeEvent, type ProbeAnswer, type ProbeQuestion } from "./messages.ts";
import { INSTANCES_PER_NODE, instanceId, nodeId } from "./state.ts";

/** Queries before other work of the process gets its turn. */
const SLICE_QUERIES = 1_000;

interface Options {
  readonly cluster: string;
  readonly node: string;
  readonly natsUrl: string;
  readonly epoch: number;
}

const tell = (answer: ProbeAnswer): void => void process.send?.(answer);
/** When the changes that are under way were made, by number. */
const begunMs = new Map<number, number>();
let graph: GraphView | undefined;

const Change = eventType(CHANGE_EVENT, (payload) => JSON.parse(new TextDecoder().decode(payload)) as ChangeEvent);

/** Gives so many nodes another incarnation, in one step and so in one checkpoint. */
const change = rule(CHANGE_EVENT, {
  version: 1,
  on: Change,
  key: ({ number }) => `${number}`,
  *run(ctx, { number, firstNode, nodeCount }) {
    yield* ctx.update((draft) => {
      begunMs.set(number, performance.now());
      for (let at = firstNode; at < firstNode + nodeCount; at++)
        draft.update(Node, nodeId(at), { agentIncarnation: `${number}-${at}`.padStart(16, "0") });
    });
    yield* ctx.read((view) => {
      graph = view;
      return null;
    });
    return ctx.decide("changed", { number });
  },
});

/** Instances of a random node, or the node of a random instance; as many as asked. */
async function query(view: GraphView, count: number): Promise<{ readonly meanUs: number; readonly found: number }> {
  const nodeCount = view.count(Node);
  const nodes = Array.from({ length: nodeCount }, (_, at) => Node.id(nodeId(at)));
  const instances = Array.from({ length: nodeCount }, (_, at) => Instance.id(instanceId(at * INSTANCES_PER_NODE)));
  let found = 0;
  let spentMs = 0;
  for (let left = count; left > 0; left -= SLICE_QUERIES) {
    const picks = Array.from({ length: SLICE_QUERIES }, () => Math.floor(Math.random() * nodeCount));
    const startMs = performance.now();
    for (const [at, pick] of picks.entries())
      if (at % 2 === 0) found += view.in(runsOn, nodes[pick] as (typeof nodes)[0]).length;
      else if (view.outOne(runsOn, instances[pick] as (typeof instances)[0]) !== undefined) found++;
    spentMs += performance.now() - startMs;
    await new Promise((turn) => setImmediate(turn));
  }
  return { meanUs: (spentMs * 1_000) / count, found };
}

// The coordinator as it is, with one rule more, in a process that can be asked about it.
const { cluster, node, natsUrl, epoch } = JSON.parse(process.argv[2] ?? "") as Options;
const transport = await openTransportNats({ servers: [natsUrl], name: `${node}.coordinator` });
const post = new Post(transport, random, { cluster, sender: `${node}.coordinator` });
createCoordinator(
  { node, epoch, rules: [change] },
  {
    clock,
    random,
    post,
    onNotice: (text, { facts }) => {
      if (text !== "changed") return console.error(text, facts);
      const { number } = JSON.parse(facts as string) as { readonly number: number };
      tell({ kind: "decided", number, ms: performance.now() - (begunMs.get(number) ?? Number.NaN) });
      begunMs.delete(number);
    },
    onStop: (reason) => {
      console.error(`epoch ${epoch} is over: ${reason}`);
      process.exit(3);
    },
  },
);
process.on("message", (question: ProbeQuestion) => {
  if (question.kind !== "queries" || graph === undefined) return;
  const { kind, token, count } = question;
  void query(graph, count).then((outcome) => tell({ kind, token, ...outcome }));
});
process.once("disconnect", () => process.exit(0));
