import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const OUTPUT_CHARS_MAX = 8_192;
const POLL_MS = 50;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How long a system may take until it serves. */
export const UP_MS_MAX = 60_000;

/** A program that runs beside this one. */
export class Child {
  readonly process: ChildProcess;
  readonly #name: string;
  #output = "";
  #end: string | undefined;

  constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.process = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX);
      });
    child.once("error", (error) => {
      this.#end = error.message;
    });
    child.once("exit", (code, signal) => {
      this.#end = `ended with ${signal ?? code}`;
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Why it does not run any longer, with the last that it said. */
  get failure(): string | undefined {
    return this.#end === undefined ? undefined : `${this.#name} ${this.#end}\n${this.#output}`;
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#end !== undefined) return;
    const gone = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await gone;
  }
}

/** A directory and processes that last as long as a test or a measurement: nothing of it outlives this process, or `end`. */
export class Scratch {
  readonly #dir = mkdtempSync(join(tmpdir(), "halon-scratch-"));
  readonly #children = new Set<Child>();
  readonly #endNow = (): void => {
    for (const { process: child } of this.#children) child.kill("SIGKILL");
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  };
  readonly #onSignal = (signal: NodeJS.Signals): void => process.exit(128 + constants.signals[signal]);

  constructor() {
    process.once("exit", this.#endNow);
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
  }

  /** A directory of that name, made if need be. */
  dir(name: string): string {
    const path = join(this.#dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  spawn(name: string, file: string, args: readonly string[], options: SpawnOptions = {}): Child {
    const child = new Child(name, spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...options }));
    this.#children.add(child);
    child.process.once("exit", () => this.#children.delete(child));
    return child;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.kill()));
    process.removeListener("exit", this.#endNow);
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
    this.#endNow();
  }
}

/** Resolves with what `check` comes to, once that is not `undefined`; asks again when it rejects. Throws when time is up. */
export async function until<T>(
  what: string,
  children: readonly Child[],
  check: () => Promise<T | undefined>,
  msMax = UP_MS_MAX,
): Promise<T> {
  const deadline = performance.now() + msMax;
  for (let why = ""; ; await wait(POLL_MS)) {
    for (const { failure } of children) if (failure !== undefined) throw new Error(`${what}: ${failure}`);
    try {
      const found = await check();
      if (found !== undefined) return found;
    } catch (error) {
      why = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${msMax / 1_000} s${why}`);
  }
}
