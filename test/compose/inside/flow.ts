// Runs in a container beside the cluster, fed to `node -`: reports events through transponders, and nothing but them,
// until SIGTERM. Then it waits until all are acknowledged and consumed, and writes a FlowReport.
// Arguments: cluster, address of NATS, a station to ask, events per second.
//
// It speaks the protocol itself: a `Producer` would go straight to the stations where a transponder does not answer, and
// would tell the queue which answers it has had. Without the latter the queue's own list of what it has stored of a
// producer proves that each single event came.
import { setTimeout as wait } from "node:timers/promises";
import { type Event, Post, type QueryBody, type QueryReply, subjectsOf } from "@halon/proto";
import { systemRandom } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import type { FlowReport } from "../view.ts";

/** Fewer than the queue's window for numbers without an answer. */
const EVENTS_PER_PRODUCER = 1_000;
const ANSWER_MS = 3_000;
const AGAIN_MS = 50;
const SETTLE_MS = 30_000;
const POLL_MS = 100;
const DURABLE = new Set(["stored", "duplicate", "merged"]);

const [cluster = "", natsUrl = "", station = "", perSecond = "20"] = process.argv.slice(2);
const transport = await openTransportNats({ servers: [natsUrl], name: "flow" });
const post = new Post(transport, systemRandom, { cluster, sender: "flow.test" });
const subjects = subjectsOf(cluster);
let acknowledged = 0;
let repeated = 0;
let slowestMs = 0;

const producerOf = (at: number): string => `flow-${Math.floor(at / EVENTS_PER_PRODUCER)}`;
const isOurs = ({ id }: Event): boolean => id?.incarnation === post.incarnation;

/** Resolves with whether the event is durable. */
function report(event: Event): Promise<boolean> {
  return new Promise((resolve) =>
    post.request(subjects.report, { kind: "report", value: { events: [event] } }, "reportAck", ANSWER_MS, (outcome) =>
      resolve(outcome.kind === "reply" && DURABLE.has(outcome.value.outcomes[0]?.kind ?? "")),
    ),
  );
}

async function send(at: number): Promise<void> {
  const id = { producer: producerOf(at), incarnation: post.incarnation, seq: (at % EVENTS_PER_PRODUCER) + 1 };
  const event: Event = { id, type: "test.flow", payload: new Uint8Array(), traceparent: "", lowest: 1 };
  const startMs = performance.now();
  while (!(await report(event))) {
    repeated++;
    await wait(AGAIN_MS);
  }
  acknowledged++;
  slowestMs = Math.max(slowestMs, Math.round(performance.now() - startMs));
}

function query(body: QueryBody): Promise<QueryReply["body"]> {
  const value = { minApplied: 0, body };
  return new Promise((resolve) =>
    post.request(subjects.stationQuery(station), { kind: "query", value }, "queryReply", ANSWER_MS, (outcome) =>
      resolve(outcome.kind === "reply" ? outcome.value.body : undefined),
    ),
  );
}

/** How many events of ours the queue has ever stored. */
async function countStored(): Promise<number> {
  const reply = await query({ kind: "page", value: { from: "qp/flow-", to: "qp/flow.", limit: 1_024 } });
  if (reply?.kind !== "page") return 0;
  const ours = reply.value.entries.filter(({ key }) => key.endsWith(`/${post.incarnation}`));
  return ours.reduce((sum, { value }) => {
    const { low, seen } = JSON.parse(new TextDecoder().decode(value)) as { low: number; seen: readonly number[] };
    return sum + low - 1 + seen.length;
  }, 0);
}

async function countQueued(): Promise<number | undefined> {
  const reply = await query({ kind: "events", value: { after: 0, limit: 1_024, waitMs: 0 } });
  if (reply?.kind !== "events") return undefined;
  return reply.value.events.filter(({ event }) => event !== undefined && isOurs(event)).length;
}

let isEnding = false;
process.once("SIGTERM", () => {
  isEnding = true;
});
process.stdout.write("flows\n");
const sent: Promise<void>[] = [];
while (!isEnding) {
  sent.push(send(sent.length));
  await wait(1_000 / Number(perSecond));
}
await Promise.race([Promise.all(sent), wait(SETTLE_MS)]);
const endMs = performance.now() + SETTLE_MS;
let [stored, unconsumed] = [0, -1];
while ((stored < sent.length || unconsumed !== 0) && performance.now() < endMs) {
  await wait(POLL_MS);
  stored = await countStored();
  unconsumed = (await countQueued()) ?? -1;
}
const flow: FlowReport = { sent: sent.length, acknowledged, stored, unconsumed, repeated, slowestMs };
process.stdout.write(`${JSON.stringify(flow)}\n`, () => process.exit());
