import { systemClock } from "@halon/runtime";
import type { Logger } from "pino";
import { tellStandardError } from "../log/standard-error.ts";
import { StopSequence } from "./stop-sequence.ts";

/** Time for all stop hooks together: less than the 10 s after which container engines kill. */
export const STOP_DEADLINE_MS = 5_000;
/**
 * A further signal ends the process at once, but not one that comes together with the first: Ctrl-C reaches a process
 * from the terminal and again from a parent that passes it on.
 */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const EXIT_CODE_FAILURE = 1;
/** Exit codes of processes that a signal ended begin here. */
const EXIT_CODE_SIGNAL = 128;
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
const KEEP_ALIVE_MS = 2 ** 30;

/** The life of this process from its first log line to its exit. One per process. */
export class Lifecycle {
  readonly hooks = new StopSequence(systemClock);
  readonly #log: Logger;
  readonly #logPath: string | undefined;
  readonly #stopping = new AbortController();
  #stopAtMs: number | undefined;

  /** Listens for signals and for errors that nobody caught. `logPath` names the log to whoever looks at standard error. */
  constructor(log: Logger, logPath: string | undefined) {
    this.#log = log;
    this.#logPath = logPath;
    for (const name of SIGNALS) process.on(name, () => this.#onSignal(name));
    // Rejections that nobody handles come here too.
    process.on("uncaughtException", (error) => this.fail(error, "uncaught error"));
    // A service ends when told to, not when its last socket happens to be closed.
    setInterval(() => {}, KEEP_ALIVE_MS);
  }

  /** Aborted when the process begins to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Runs the stop hooks, then exits. The first call counts. */
  stop(reason: string, exitCode = 0): void {
    if (this.#stopAtMs !== undefined) return;
    this.#stopAtMs = systemClock.nowMs();
    this.#log.info({ reason }, `stopping: ${reason}`);
    this.#stopping.abort();
    this.#end(exitCode).catch((error: unknown) => this.fail(error, "stopping failed"));
  }

  /** For our own bugs: writes the error and exits at once, without hooks, as they might make it worse. */
  fail(err: unknown, what: string): never {
    this.#log.fatal({ err }, `${what}: ${err instanceof Error ? err.message : String(err)}`);
    if (this.#logPath !== undefined) tellStandardError(`ended by an error, see ${this.#logPath}\n`);
    return process.exit(EXIT_CODE_FAILURE);
  }

  #onSignal(name: keyof typeof SIGNAL_NUMBERS): void {
    if (this.#stopAtMs === undefined) this.stop(name);
    else if (systemClock.nowMs() - this.#stopAtMs > SAME_SIGNAL_MS) {
      this.#log.fatal(`${name} while stopping: exit at once`);
      process.exit(EXIT_CODE_SIGNAL + SIGNAL_NUMBERS[name]);
    }
  }

  async #end(exitCode: number): Promise<never> {
    const { failures, stuck } = await this.hooks.run(STOP_DEADLINE_MS);
    for (const { name, error } of failures) this.#log.error({ err: error }, `could not stop ${name} in good order`);
    if (stuck !== undefined) this.#log.error(`${stuck} did not stop within ${STOP_DEADLINE_MS} ms`);
    const isClean = failures.length === 0 && stuck === undefined;
    this.#log.info("stopped");
    await new Promise<void>((resolve) => this.#log.flush(() => resolve()));
    return process.exit(isClean ? exitCode : EXIT_CODE_FAILURE);
  }
}
