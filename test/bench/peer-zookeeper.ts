import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import zookeeper from "node-zookeeper-client";
import { type Scratch, UP_MS_MAX, until } from "../log-group/scratch.ts";
import { within } from "../log-group/within.ts";
import { freePorts } from "./machine.ts";
import { type Client, type Done, KEYS, keyOf, type System } from "./system.ts";

/** Its manifest names all else that it needs. */
export const ZOOKEEPER_JAR = "/usr/share/java/zookeeper.jar";
const IDS = [1, 2, 3] as const;
const SESSION_MS = 30_000;
const FILL_IN_FLIGHT = 500;

/** Three ZooKeeper servers. The clients ask the leader: nothing is forwarded. */
export async function startZookeeper(scratch: Scratch): Promise<System> {
  const ports = await freePorts(3 * IDS.length);
  const clientPorts = IDS.map((_, at) => ports[3 * at] as number);
  const ensemble = IDS.map((id, at) => `server.${id}=127.0.0.1:${ports[3 * at + 1]}:${ports[3 * at + 2]}`);
  const servers = IDS.map((id, at) => {
    const dir = scratch.dir(`zookeeper-${id}`);
    writeFileSync(join(dir, "myid"), `${id}\n`);
    const config = join(dir, "zoo.cfg");
    const lines = [
      `dataDir=${dir}`,
      `clientPort=${clientPorts[at]}`,
      "clientPortAddress=127.0.0.1",
      "tickTime=2000",
      "initLimit=10",
      "syncLimit=5",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=srvr",
      ...ensemble,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    const args = ["-cp", `${dir}:${ZOOKEEPER_JAR}`, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config];
    return scratch.spawn(`zookeeper ${id}`, "java", args);
  });
  const { port, version } = await until("zookeeper elects a leader", servers, async () => {
    const all = await Promise.all(clientPorts.map(greetingOf));
    const leader = all.findIndex((greeting) => greeting.includes("Mode: leader"));
    if (leader < 0 || all.filter((greeting) => greeting.includes("Mode: follower")).length < 2) return undefined;
    const [, found = "?"] = /version: ([\w.]+)/.exec(all[leader] ?? "") ?? [];
    return { port: clientPorts[leader] as number, version: found };
  });
  await fill(port);
  return {
    about: `zookeeper ${version}, setData, reads by sync and getData, client node-zookeeper-client, to the leader; fsync before each acknowledgement`,
    pids: () => servers.map(({ pid }) => pid),
    connect: () => connect(port),
  };
}

async function greetingOf(port: number): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.setTimeout(1_000, () => socket.destroy());
  await once(socket, "connect");
  socket.end("srvr");
  return text(socket);
}

async function open(port: number): Promise<zookeeper.Client> {
  const client = zookeeper.createClient(`127.0.0.1:${port}`, { sessionTimeout: SESSION_MS });
  const connected = once(client, "connected");
  client.connect();
  await within(connected, UP_MS_MAX, () => "zookeeper gives no session");
  return client;
}

/** Nodes must exist before they can be set. */
async function fill(port: number): Promise<void> {
  const client = await open(port);
  let next = 0;
  const create = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.create(`/${keyOf(next++)}`, (error) => (error ? reject(error) : resolve()));
    });
  const worker = async (): Promise<void> => {
    while (next < KEYS) await create();
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, worker));
  client.close();
}

/** What the client has inside, and does not offer. */
interface Inside {
  readonly connectionManager: {
    queue(request: { readonly header: Header; toBuffer(): Buffer }, done: (error: Error | null) => void): void;
  };
}
interface Header {
  type: number;
  xid: number;
}

const OP_DELETE = 2;
const OP_SYNC = 9;

/** The client does not know `sync`: a request of that kind, which it takes for one whose reply it knows. */
function sync(client: zookeeper.Client, path: string): void {
  const header: Header = { type: OP_DELETE, xid: 0 };
  const toBuffer = (): Buffer => {
    const bytes = Buffer.alloc(16 + path.length);
    bytes.writeInt32BE(12 + path.length, 0);
    bytes.writeInt32BE(header.xid, 4);
    bytes.writeInt32BE(OP_SYNC, 8);
    bytes.writeInt32BE(path.length, 12);
    bytes.write(path, 16);
    return bytes;
  };
  // Its failure is that of the read which follows on the same connection.
  (client as unknown as Inside).connectionManager.queue({ header, toBuffer }, () => {});
}

async function connect(port: number): Promise<Client> {
  const client = await open(port);
  return {
    write: (number, value, done) => client.setData(`/${keyOf(number)}`, value, (error) => done(errorOf(error))),
    // A session's requests are taken in order: no need to wait for the one before sending the other.
    read: (number, done) => {
      const path = `/${keyOf(number)}`;
      sync(client, path);
      client.getData(path, (error) => done(errorOf(error)));
    },
    close: () => Promise.resolve(client.close()),
  };
}

const errorOf = (error: Error | zookeeper.Exception | null): Parameters<Done>[0] =>
  error ? new Error(String(error)) : undefined;
