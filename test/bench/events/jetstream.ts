import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AckPolicy, connect, RetentionPolicy, StorageType } from "nats";
import { type Scratch, until } from "../../log-group/scratch.ts";
import { freePorts } from "../machine.ts";
import type { JetstreamWorkerConfig } from "./jetstream-producer.ts";
import { type EventSystem, PRODUCERS } from "./system.ts";
import { Worker } from "./worker.ts";

const NAMES: readonly string[] = ["j1", "j2", "j3"];
const STREAM = "EVENTS";
const CONSUMER = "worker";

/** A NATS cluster of three with one work-queue in files on all of them, producers and one consumer, each a process. */
export async function startJetstreamQueue(scratch: Scratch): Promise<EventSystem> {
  const ports = await freePorts(2 * NAMES.length);
  const portOf = (at: number): number => ports[2 * at] as number;
  const routes = NAMES.map((_, at) => `nats://127.0.0.1:${ports[2 * at + 1]}`);
  const servers = NAMES.map((name, at) => {
    const dir = scratch.dir(name);
    const config = join(dir, "nats.conf");
    const lines = [
      `server_name: ${name}`,
      `listen: "127.0.0.1:${portOf(at)}"`,
      `jetstream { store_dir: ${JSON.stringify(dir)}, max_file_store: 16G }`,
      `cluster { name: bench, listen: ${JSON.stringify(routes[at]?.slice("nats://".length))}, routes: ${JSON.stringify(routes)} }`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    return scratch.spawn(`nats-server ${name}`, "nats-server", ["-c", config]);
  });
  const leader = await until("jetstream makes a work-queue", servers, () => makeQueue(portOf(0)));
  const config = { port: portOf(NAMES.indexOf(leader)) };
  const consumer = new Worker(scratch, "jetstream consumer", "jetstream-consumer", config);
  const producers = Array.from({ length: PRODUCERS }, (_, number) => {
    const own: JetstreamWorkerConfig = { ...config, number };
    return new Worker(scratch, `jetstream producer ${number}`, "jetstream-producer", own);
  });
  const roles = { servers, consumer: [consumer.child], producers: producers.map(({ child }) => child) };
  await until("the consumer is there", Object.values(roles).flat(), async () => {
    await consumer.ask({ kind: "begin" }, 10_000);
    return true;
  });
  const about =
    "jetstream: 3 nats-servers, an R3 work-queue in files, one pull consumer with explicit acknowledgements; does not fsync before it answers";
  return { about, producers, consumer, roles };
}

/** Resolves with the name of the server that leads it. */
async function makeQueue(port: number): Promise<string | undefined> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false, noAsyncTraces: true });
  try {
    const manager = await connection.jetstreamManager();
    const { config, cluster } = await manager.streams.add({
      name: STREAM,
      subjects: [`${STREAM}.>`],
      num_replicas: NAMES.length,
      storage: StorageType.File,
      retention: RetentionPolicy.Workqueue,
    });
    if (config.num_replicas !== NAMES.length || cluster?.replicas?.length !== NAMES.length - 1) return undefined;
    await manager.consumers.add(STREAM, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 65_536,
    });
    return cluster.leader;
  } finally {
    await connection.close();
  }
}
