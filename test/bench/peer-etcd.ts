import { Etcd3 } from "etcd3";
import { type Scratch, until } from "../log-group/scratch.ts";
import { freePorts } from "./machine.ts";
import { type Client, keyOf, type System, settle } from "./system.ts";

const NAMES = ["e1", "e2", "e3"] as const;

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

/** Three etcd servers. The clients ask the leader: nothing is forwarded. */
export async function startEtcd(scratch: Scratch): Promise<System> {
  const ports = await freePorts(2 * NAMES.length);
  const clientUrls = NAMES.map((_, at) => `http://127.0.0.1:${ports[2 * at]}`);
  const peerUrls = NAMES.map((_, at) => `http://127.0.0.1:${ports[2 * at + 1]}`);
  const cluster = NAMES.map((name, at) => `${name}=${peerUrls[at]}`).join(",");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_")));
  const servers = NAMES.map((name, at) => {
    const args = {
      name,
      "data-dir": scratch.dir(name),
      "listen-client-urls": clientUrls[at],
      "advertise-client-urls": clientUrls[at],
      "listen-peer-urls": peerUrls[at],
      "initial-advertise-peer-urls": peerUrls[at],
      "initial-cluster": cluster,
      "initial-cluster-state": "new",
      "initial-cluster-token": "bench",
      logger: "zap",
      "log-level": "error",
    };
    const words = Object.entries(args).map(([flag, value]) => `--${flag}=${value}`);
    return scratch.spawn(`etcd ${name}`, "etcd", words, { env });
  });
  const leader = await until("etcd elects a leader", servers, async () => {
    const all = await Promise.all(clientUrls.map(statusOf));
    const at = all.findIndex(({ header, leader: id }) => id === header.member_id);
    return clientUrls[at];
  });
  const version = ((await (await fetch(`${leader}/version`)).json()) as { readonly etcdserver: string }).etcdserver;
  return {
    about: `etcd ${version}, put, client etcd3, to the leader; fsync before each acknowledgement`,
    pids: () => servers.map(({ pid }) => pid),
    connect: () => connect(leader),
  };
}

async function statusOf(url: string): Promise<Status> {
  const response = await fetch(`${url}/v3/maintenance/status`, { method: "POST", body: "{}" });
  return (await response.json()) as Status;
}

async function connect(url: string): Promise<Client> {
  // Else all clients of this process share one connection.
  const client = new Etcd3({ hosts: url, grpcOptions: { "grpc.use_local_subchannel_pool": 1 } });
  await client.put("hello").value("").exec();
  return {
    write: (number, value, done) => void settle(client.put(keyOf(number)).value(value).exec(), done),
    read: (number, done) => void settle(client.get(keyOf(number)).exec(), done),
    close: () => Promise.resolve(client.close()),
  };
}
