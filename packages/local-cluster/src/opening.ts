import { resolve } from "node:path";
import { LocalCluster } from "./local-cluster.ts";
import { LocalError } from "./local-error.ts";
import { takeLock } from "./lock.ts";
import { finderPorts, freePort } from "./machine.ts";
import { findNats } from "./nats-finder.ts";
import { NATS_PORT_DEFAULT, type StartOptions } from "./options.ts";
import { hasProcessTable } from "./process-table.ts";
import { repositoryRoot } from "./root.ts";
import { readSpec } from "./spec-file.ts";
import { stateDirAt } from "./state-dir.ts";

/** Also where the agents' own sockets have to find room below it. */
const DIR_CHARS_MAX = 70;

/** A cluster of ours, and the lock that says so. */
export interface Opened {
  readonly cluster: LocalCluster;
  /** Stops everything and gives the lock back. Hurried: by force, at once. */
  readonly close: (isHurried?: boolean) => Promise<void>;
}

export interface OpenOptions extends StartOptions {
  /** Without a port given, nats-server gets any that is free, instead of the default one. */
  readonly isPortChosen: boolean;
}

/** A cluster with its services declared; the caller closes it, whatever happens. Throws {@link LocalError}. */
export async function openCluster(
  options: OpenOptions,
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<Opened> {
  if (!hasProcessTable())
    throw new LocalError(
      `this runs on Linux (it looks after its processes by /proc), and this is ${process.platform}: use docker-compose up, or WSL on Windows`,
    );
  const root = repositoryRoot();
  const dir = stateDirAt(options.dir);
  if (dir.path.length > DIR_CHARS_MAX)
    throw new LocalError(
      `the state directory ${dir.path} has ${dir.path.length} characters: with at most ${DIR_CHARS_MAX} sockets find room in it, choose another with --state-dir`,
    );
  const services = readSpec(resolve(root, options.spec));
  const lock = takeLock(dir.lock);
  if (lock.kind === "held")
    throw new LocalError(
      `a cluster runs here already, started by process ${lock.holder.pid}: see it with \`npm start -- status\`, ` +
        "end it with `npm start -- stop`, or run another with --state-dir DIR --nats-port PORT",
    );
  let cluster: LocalCluster | undefined;
  const close = async (isHurried = false): Promise<void> => {
    await cluster?.stop(isHurried);
    lock.release();
  };
  try {
    const nats = await findNats(finderPorts(say));
    const natsPort = options.natsPort ?? (options.isPortChosen ? await freePort() : NATS_PORT_DEFAULT);
    const { shape, isFresh } = options;
    signal?.throwIfAborted();
    cluster = await LocalCluster.open({ root, dir, nats, natsPort, shape, isFresh, say });
    signal?.throwIfAborted();
    await cluster.apply(services, signal);
    return { cluster, close };
  } catch (error) {
    await close();
    throw error;
  }
}
