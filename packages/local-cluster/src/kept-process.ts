import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type ProcessId, signalProcess, statOf } from "./process-table.ts";

/** How long after its death a process is started again: what an init system would do. */
const RESTART_MS = 1_000;

export interface KeptOptions {
  /** What it is called in notices: `user-1`, `nats`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets standard output and error; never a pipe, which would die with this process. */
  readonly logFile: string;
  /** `undefined`: it is started. Otherwise it has ended, and why. */
  readonly onChange: (ended: string | undefined) => void;
}

/** One process that is kept running, as an init system keeps it, until it is switched off. It outlives this process. */
export class KeptProcess {
  readonly #options: KeptOptions;
  #child: ChildProcess | undefined;
  #id: ProcessId | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOff = true;

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  /** Switched off: it is not started again by itself. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /** While it runs. */
  get id(): ProcessId | undefined {
    return this.#id;
  }

  switchOn(): void {
    this.#isOff = false;
    clearTimeout(this.#timer);
    if (this.#child === undefined) this.#start();
  }

  /** It stays as it is, but when it ends it is not started again. */
  switchOff(): void {
    this.#isOff = true;
    clearTimeout(this.#timer);
  }

  /** False when it does not run. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#id !== undefined && signalProcess(this.#id, signal);
  }

  #start(): void {
    const { command, cwd, env, logFile } = this.#options;
    const [program = "", ...args] = command;
    const log = openSync(logFile, "a");
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    const { pid } = child;
    this.#id = pid === undefined ? undefined : { pid, birth: statOf(pid)?.birth ?? "" };
    child.once("error", (error) => this.#onEnd(`cannot run ${program}: ${error.message}`));
    child.once("exit", (code, signal) => this.#onEnd(signal === null ? `exit code ${code}` : `killed by ${signal}`));
    if (pid !== undefined) this.#options.onChange(undefined);
  }

  #onEnd(why: string): void {
    if (this.#child === undefined) return;
    [this.#child, this.#id] = [undefined, undefined];
    if (!this.#isOff) this.#timer = setTimeout(() => this.#start(), RESTART_MS);
    this.#options.onChange(why);
  }
}
