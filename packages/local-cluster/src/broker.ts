import { connect } from "node:net";
import { join } from "node:path";
import { KeptProcess } from "./kept-process.ts";
import { LocalError } from "./local-error.ts";
import { isPortFree } from "./machine.ts";
import type { NatsFound } from "./nats-finder.ts";
import { holderOfPort } from "./port-holder.ts";
import { MARK, MARK_NODE } from "./process-table.ts";
import type { StateDir } from "./state-dir.ts";
import { notYet, until, yes } from "./waiting.ts";

const START_MS = 15_000;
const GREETING_MS = 1_000;
const POLL_MS = 10;

export interface BrokerOptions {
  readonly found: NatsFound;
  /** Of our own. */
  readonly port: number;
  readonly dir: StateDir;
  readonly onChange: (ended: string | undefined) => void;
}

/** The message broker: a nats-server of our own, kept running, or somebody else's, left alone. */
export class Broker {
  readonly urls: readonly string[];
  readonly #options: BrokerOptions;
  readonly #kept: KeptProcess | undefined;

  constructor(options: BrokerOptions) {
    const { found, port, dir, onChange } = options;
    this.#options = options;
    if (found.kind === "external") {
      this.urls = found.urls;
      return;
    }
    this.urls = [`nats://127.0.0.1:${port}`];
    const logFile = dir.log("nats", "server");
    this.#kept = new KeptProcess({
      name: "nats",
      command: [found.path, "-a", "127.0.0.1", "-p", `${port}`, "-P", join(dir.path, "nats.pid")],
      cwd: dir.path,
      env: { PATH: process.env["PATH"], [MARK]: dir.path, [MARK_NODE]: "nats" },
      logFile,
      onChange,
    });
  }

  get isOurs(): boolean {
    return this.#kept !== undefined;
  }

  get isOff(): boolean {
    return this.#kept?.isOff ?? false;
  }

  /** Resolves when it greets. Does nothing to a broker that is not ours. */
  async start(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined) return;
    const { port, dir } = this.#options;
    if (kept.id === undefined && !(await isPortFree(port))) {
      const holder = holderOfPort(port);
      throw new LocalError(
        `port ${port}, where nats-server is to listen, is in use${holder === undefined ? "" : ` by ${holder}`}: ` +
          `end that, or choose another with --nats-port`,
      );
    }
    kept.switchOn();
    await until(
      { what: `nats-server on port ${port}`, deadlineMs: START_MS, lookAt: dir.log("nats", "server"), pollMs: POLL_MS },
      async () => ((await greets(port)) ? yes(undefined) : notYet()),
    );
  }

  /** Signals our own; `isOff`: it is not started again by itself. False when it does not run. */
  signal(signal: NodeJS.Signals, isOff: boolean): boolean {
    const kept = this.#kept;
    if (kept === undefined)
      throw new LocalError(`the broker at ${this.urls.join(", ")} is not ours (HALON_NATS_URL): it is left alone`);
    if (isOff) kept.switchOff();
    return kept.signal(signal);
  }

  /** From now on it is not started again. */
  release(): void {
    this.#kept?.switchOff();
  }
}

/** True when a NATS server greets on that port of this machine. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (isGreeted: boolean): void => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.setTimeout(GREETING_MS, () => end(false));
    socket.once("data", (data) => end(/^INFO\s/.test(data.toString("latin1", 0, 5))));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
