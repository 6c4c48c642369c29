import { type Coordinator, createCoordinator } from "@halon/coordinator";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import { decodeStateResult, encodeStateCommand, Post } from "@halon/proto";
import { counter, eventType, rule } from "@halon/rules";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { COUNTED, RULED } from "./event-types.ts";
import { type Mark, readMark, Sightings } from "./mark.ts";
import { configOf, serve } from "./worker.ts";

export interface CoordinatorWorkerConfig {
  readonly cluster: string;
  readonly node: string;
  readonly natsUrl: string;
}

const { cluster, node, natsUrl } = configOf<CoordinatorWorkerConfig>();
const sightings = new Sightings();

// A coordinator reads an event once, unless a rule keeps it: what is seen here is what the rules see.
const counted = eventType<Mark>(COUNTED, (payload) => {
  const mark = readMark(payload);
  sightings.note(mark);
  return mark;
});
const ruled = eventType<Mark>(RULED, readMark);

/** The least that is a rule: an instance, one step that looks at its event and decides. */
const oneStep = rule("one-step", {
  version: 1,
  on: ruled,
  key: ({ producer, seq }) => `${producer}-${seq}`,
  *run(ctx, mark) {
    sightings.note(mark);
    yield* ctx.now();
  },
});

const transport = await openTransportNats({ servers: [natsUrl], name: `${node}.coordinator` });
const post = new Post(transport, random, { cluster, sender: `${node}.coordinator` });
const tracker = new EqTracker({ clock, random, post });
const replicator = createStationReplicator({ clock, random, post, tracker });

/** Gets the first epoch, as a supervisor would. */
function grant(): Promise<void> {
  const command = encodeStateCommand({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: node } });
  return new Promise((resolve, reject) =>
    replicator.update(command, { idempotent: true }, (outcome) => {
      const result = outcome.kind === "result" ? decodeStateResult(outcome.result) : undefined;
      if (result?.kind === "lease" && result.value.granted) resolve();
      else reject(new Error(`no lease: ${JSON.stringify(outcome)}`));
    }),
  );
}

let coordinator: Coordinator | undefined;
const begin = async (): Promise<void> => {
  await grant();
  const onStop = (reason: string): void => {
    process.stderr.write(`the coordinator has stopped: ${reason}\n`);
    process.exit(1);
  };
  // The machine has two cores, and all that it shall do is on them: a lease of the usual length is not the question here.
  const times = { leaseMs: 10_000, renewMs: 400 };
  coordinator = createCoordinator(
    { node, epoch: 1, rules: [oneStep], counters: [counter("counted", { on: counted })], ...times },
    { clock, random, post, onStop },
  );
};

serve<{ readonly kind: "begin" | "count" | "seen" }>(async ({ kind }) => {
  if (kind === "begin") await begin();
  if (kind === "count") return sightings.count;
  return { ...sightings.take(), status: coordinator?.status() };
});
