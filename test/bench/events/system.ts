import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Child, type Scratch, until } from "../../log-group/scratch.ts";
import { startBroker } from "../halon.ts";
import type { CoordinatorWorkerConfig } from "./coordinator.ts";
import type { Done, Load } from "./load.ts";
import type { Seen } from "./mark.ts";
import type { ProducerWorkerConfig } from "./producer.ts";
import { NODE_FLAGS, Worker } from "./worker.ts";

const CLUSTER = "bench";
const STATION = fileURLToPath(new URL("../../../../services/station-replica/dist/main.js", import.meta.url));
export const PRODUCERS = 10;
const LOAD_MS_MAX = 120_000;
const ANSWER_MS_MAX = 30_000;

/** Something that takes events from producers and hands them to a consumer, all of them processes. */
export interface EventSystem {
  readonly about: string;
  readonly producers: readonly Worker[];
  readonly consumer: Worker;
  /** Messages that the broker has taken in so far, where it counts them. */
  readonly messages?: () => Promise<number>;
  /** By what they are, for their cost. */
  readonly roles: Readonly<Record<string, readonly Child[]>>;
}

/** All producers at once; resolves when all they have sent has an answer. */
export const runLoad = ({ producers }: EventSystem, load: Omit<Load, "kind">): Promise<readonly Done[]> =>
  Promise.all(producers.map((each) => each.ask<Done>({ kind: "load", ...load }, load.seconds * 1_000 + LOAD_MS_MAX)));

export const seenBy = ({ consumer }: EventSystem): Promise<Seen> => consumer.ask<Seen>({ kind: "seen" }, ANSWER_MS_MAX);
export const countBy = ({ consumer }: EventSystem): Promise<number> =>
  consumer.ask<number>({ kind: "count" }, ANSWER_MS_MAX);

/** Stations, a broker, a coordinator and producers, each a process. */
export async function startHalon(scratch: Scratch): Promise<EventSystem> {
  const { child: broker, natsUrl, monitorUrl } = await startBroker(scratch);
  const nodes = ["s1", "s2", "s3"];
  let clusterId: string | undefined;
  for (const node of nodes) {
    const flags = [
      "--cluster",
      CLUSTER,
      "--node",
      node,
      "--state-dir",
      scratch.dir(node),
      "--members",
      nodes.join(","),
    ];
    const id = clusterId === undefined ? [] : ["--cluster-id", clusterId];
    clusterId = execFileSync(process.execPath, [STATION, "init", ...flags, ...id], { encoding: "utf8" }).trim();
  }
  const stations = nodes.map((node) => {
    const own = ["--cluster", CLUSTER, "--node", node, "--state-dir", scratch.dir(node), "--nats-url", natsUrl];
    const rest = ["--api-address", "off"];
    return scratch.spawn(`station ${node}`, process.execPath, [
      ...process.execArgv,
      ...NODE_FLAGS,
      STATION,
      ...own,
      ...rest,
    ]);
  });
  const config: CoordinatorWorkerConfig = { cluster: CLUSTER, node: "s1", natsUrl };
  const consumer = new Worker(scratch, "coordinator", "coordinator", config);
  const producers = Array.from({ length: PRODUCERS }, (_, number) => {
    const own: ProducerWorkerConfig = { cluster: CLUSTER, natsUrl, number };
    return new Worker(scratch, `producer ${number}`, "producer", own);
  });
  const roles = {
    stations,
    coordinator: [consumer.child],
    producers: producers.map(({ child }) => child),
    broker: [broker],
  };
  await until("the coordinator acts", Object.values(roles).flat(), async () => {
    await consumer.ask({ kind: "begin" }, ANSWER_MS_MAX);
    return true;
  });
  const about =
    "halon: 3 station-replica processes with their logs fsynced before each acknowledgement, nats-server, a live coordinator, " +
    `${PRODUCERS} producer processes`;
  const messages = async (): Promise<number> =>
    ((await (await fetch(`${monitorUrl}/varz`)).json()) as { readonly in_msgs: number }).in_msgs;
  return { about, producers, consumer, roles, messages };
}
