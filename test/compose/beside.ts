import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tryCommand } from "./command.ts";
import type { Project } from "./project.ts";

const IMAGE = "halon/halonctl";
const STDERR_CHARS_MAX = 4_096;

/** Programs of `inside/`. */
export const BESIDE = ["watch", "flow"] as const;

/** A program of `inside/` that runs in a container on a project's network. */
export class Beside {
  readonly name: string;
  readonly #child: ChildProcess;
  #said = "";
  #hasEnded = false;

  /** `onLine` gets each line that it writes. */
  constructor(
    { name: project, network }: Pick<Project, "name" | "network">,
    program: (typeof BESIDE)[number],
    args: readonly string[],
    onLine: (line: string) => void,
  ) {
    this.name = `${project}-${program}`;
    // Names of containers that are gone are looked up for long: that must not keep others waiting.
    const options = [
      "--rm",
      "-i",
      "--init",
      "--name",
      this.name,
      "--network",
      network,
      "--env",
      "UV_THREADPOOL_SIZE=64",
    ];
    const node = ["--entrypoint", "node", IMAGE, "--input-type=module", "-", ...args];
    const child = spawn("docker", ["run", ...options, ...node], { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.end(readFileSync(new URL(`inside/${program}.js`, import.meta.url)));
    createInterface({ input: child.stdout }).on("line", onLine);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-STDERR_CHARS_MAX);
    });
    child.once("close", () => {
      this.#hasEnded = true;
    });
    this.#child = child;
  }

  /** What it said to its standard error if it has ended. */
  get lastWords(): string | undefined {
    return this.#hasEnded ? this.#said || "nothing" : undefined;
  }

  /** Asks it to end, and waits until it has. */
  async finish(deadlineMs: number): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#child, "close", { signal: AbortSignal.timeout(deadlineMs) });
    await tryCommand(["docker", "kill", "--signal", "TERM", this.name]);
    await ended.catch(() => {
      throw new Error(`${this.name} has not ended within ${deadlineMs} ms`);
    });
  }

  async remove(): Promise<void> {
    await tryCommand(["docker", "rm", "--force", this.name]);
  }
}
