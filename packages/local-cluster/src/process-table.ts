import { readdirSync, readFileSync } from "node:fs";

/** The variable that all processes of a local cluster bear: its state directory. Not `HALON_…`, as agents keep those to themselves. */
export const MARK = "LOCAL_CLUSTER_DIR";
/** Names the agent's node, and is inherited by all that it runs. */
export const MARK_NODE = "LOCAL_CLUSTER_NODE";

/** A process as it can be told from a later one of the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** When it was started, in the kernel's ticks, and in which boot. */
  readonly birth: string;
}

export interface ProcessStat extends ProcessId {
  readonly group: number;
  readonly parent: number;
  readonly isPaused: boolean;
}

/** A process of a local cluster. */
export interface MarkedProcess extends ProcessStat {
  readonly node: string;
  /** What it runs for: `agent`, `station-replica`, `coordinator`, `web/2`; `nats` for the broker. */
  readonly key: string;
  /** It guards an exclusive instance, it is not the instance. */
  readonly isGuard: boolean;
  readonly port: number;
}

/** Fields of `/proc/PID/stat` behind the command's closing parenthesis. */
const STATE = 0;
const PARENT = 1;
const GROUP = 2;
const START_TICKS = 19;

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().slice(0, 8);
  return boot;
}

/** True where processes can be looked at. */
export const hasProcessTable = (): boolean => process.platform === "linux";

/** `undefined` when there is no such process, or only what is left of an ended one. */
export function statOf(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[STATE] ?? "X";
  if (state === "Z" || state === "X") return undefined;
  return {
    pid,
    birth: `${bootId()}-${fields[START_TICKS]}`,
    group: Number(fields[GROUP]),
    parent: Number(fields[PARENT]),
    isPaused: state === "T",
  };
}

/** This process. */
export const ownId = (): ProcessId => ({ pid: process.pid, birth: statOf(process.pid)?.birth ?? "" });

/** True while exactly this process is alive. */
export const isAlive = ({ pid, birth }: ProcessId): boolean => statOf(pid)?.birth === birth;

/** Sends a signal to exactly this process. False when it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    return process.kill(id.pid, signal);
  } catch {
    return false;
  }
}

/** Of all processes of this machine. */
export const allPids = (): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function readEnvironment(pid: number): ReadonlyMap<string, string> | undefined {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return new Map(entries.map((entry) => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)]));
  } catch {
    return undefined;
  }
}

type Marks = Pick<MarkedProcess, "node" | "key" | "isGuard" | "port">;

/** What its environment says of a process; `undefined` for one that is not of the cluster in `dir`. */
export function marksOf(env: ReadonlyMap<string, string>, dir: string): Marks | undefined {
  if (env.get(MARK) !== dir) return undefined;
  const node = env.get(MARK_NODE) ?? "";
  const key = env.get("HALON_INSTANCE") ?? (node === "nats" ? "nats" : "agent");
  return { node, key, isGuard: env.get("HALON_GUARD") === "guard", port: Number(env.get("PORT") ?? 0) };
}

interface Known {
  readonly birth: string;
  readonly marks: Marks | undefined;
  readonly firstSeenMs: number;
  readonly isSettled: boolean;
}

/** A program that was just forked shows its parent's environment until it is executed: for this long it is read anew. */
const SETTLE_MS = 500;

/** Looks again and again at the processes of one cluster; what a process bears is read once. */
export class ProcessTable {
  readonly #dir: string;
  #known = new Map<number, Known>();

  /** `dir`: absolute, as in the variable {@link MARK}. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** All that are alive, in order of their pids. This process is not among them. */
  scan(): readonly MarkedProcess[] {
    const nowMs = performance.now();
    const known = new Map<number, Known>();
    const found: MarkedProcess[] = [];
    for (const pid of allPids()) {
      const stat = pid === process.pid ? undefined : statOf(pid);
      if (stat === undefined) continue;
      const before = this.#known.get(pid);
      const isSame = before?.birth === stat.birth;
      const marks = isSame && before.isSettled ? before.marks : this.#read(pid);
      if (marks !== undefined) found.push({ ...stat, ...marks });
      const firstSeenMs = isSame ? before.firstSeenMs : nowMs;
      known.set(pid, { birth: stat.birth, marks, firstSeenMs, isSettled: nowMs - firstSeenMs > SETTLE_MS });
    }
    this.#known = known;
    return found;
  }

  #read(pid: number): Marks | undefined {
    const env = readEnvironment(pid);
    return env === undefined ? undefined : marksOf(env, this.#dir);
  }
}
