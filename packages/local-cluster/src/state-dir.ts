import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A socket's path must fit into 108 bytes on Linux. */
const SOCKET_PATH_BYTES_MAX = 100;

/** Where everything of one local cluster is kept. */
export interface StateDir {
  /** Absolute. */
  readonly path: string;
  readonly lock: string;
  /** The cluster's shape and id, written when it was founded. */
  readonly shape: string;
  /** Through which a running launcher takes verbs. */
  readonly socket: string;
  readonly logs: string;
  /** What the example `ticker` writes. */
  readonly ticks: string;
  readonly node: (node: string) => string;
  /** Data directory of a station's replica. */
  readonly station: (node: string) => string;
  readonly config: (name: string) => string;
  readonly log: (node: string, service: string) => string;
}

/** Names all files below `dir`; makes none. */
export function stateDirAt(dir: string): StateDir {
  const path = resolve(dir);
  const logs = join(path, "logs");
  const socket = join(path, "control.sock");
  const isLong = Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX;
  const short = createHash("sha256").update(path).digest("hex").slice(0, 16);
  const node = (name: string): string => join(path, name);
  return {
    path,
    lock: join(path, "lock"),
    shape: join(path, "cluster.json"),
    socket: isLong ? join(tmpdir(), `halon-${short}.sock`) : socket,
    logs,
    ticks: join(path, "ticks.log"),
    node,
    station: (name) => join(node(name), "station-replica"),
    config: (name) => join(path, "config", `${name}.json`),
    log: (name, service) => join(logs, `${name}.${service}.log`),
  };
}
