import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectNats, type NatsConnection, RetentionPolicy, StorageType } from "nats";
import { type Scratch, until } from "../log-group/scratch.ts";
import { freePorts } from "./machine.ts";
import { type Client, keyOf, type System, settle } from "./system.ts";

const NAMES: readonly string[] = ["j1", "j2", "j3"];
const STREAM = "BENCH";
const ACK_MS_MAX = 10_000;

/** A NATS cluster of three with one stream in files on all of them. The clients are connected to its leader. */
export async function startJetstream(scratch: Scratch): Promise<System> {
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
  const any = await until("jetstream: a server greets", servers, () => open(portOf(0)));
  try {
    const leader = await until("jetstream makes a stream", servers, () => makeStream(any));
    const port = portOf(NAMES.indexOf(leader));
    return {
      about: `jetstream of nats-server ${any.info?.version}, R3 in files, publish, to the stream's leader; does not fsync before it answers`,
      pids: () => servers.map(({ pid }) => pid),
      connect: () => connect(port),
    };
  } finally {
    await any.close();
  }
}

const open = (port: number): Promise<NatsConnection> =>
  connectNats({ servers: `127.0.0.1:${port}`, reconnect: false, noAsyncTraces: true });

/** Resolves with the name of the server that leads it. */
async function makeStream(connection: NatsConnection): Promise<string | undefined> {
  const { streams } = await connection.jetstreamManager();
  const { config, cluster } = await streams.add({
    name: STREAM,
    subjects: [`${STREAM}.>`],
    num_replicas: NAMES.length,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
  });
  if (config.num_replicas !== NAMES.length || cluster?.replicas?.length !== NAMES.length - 1) return undefined;
  return cluster.leader;
}

async function connect(port: number): Promise<Client> {
  const connection = await open(port);
  const stream = connection.jetstream({ timeout: ACK_MS_MAX });
  return {
    write: (number, value, done) => void settle(stream.publish(`${STREAM}.${keyOf(number)}`, value), done),
    close: () => connection.close(),
  };
}
