import { fileURLToPath } from "node:url";
import type { Child, Scratch } from "../../log-group/scratch.ts";
import { within } from "../../log-group/within.ts";

/** As Halon's own services are started, see `docs/deploying.md`. */
export const NODE_FLAGS: readonly string[] = ["--single-threaded-gc"];

interface Question {
  readonly token: number;
  readonly question: unknown;
}
interface Answer {
  readonly token: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of ours that answers questions, one program of this directory. */
export class Worker {
  readonly child: Child;
  readonly #name: string;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #token = 0;

  /** `program`: without its extension. Node's own flags go along: `--cpu-prof` profiles it too. */
  constructor(scratch: Scratch, name: string, program: string, config: object) {
    this.#name = name;
    const file = fileURLToPath(new URL(`${program}.js`, import.meta.url));
    this.child = scratch.spawn(
      name,
      process.execPath,
      [...process.execArgv, ...NODE_FLAGS, file, JSON.stringify(config)],
      {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        serialization: "advanced",
      },
    );
    this.child.process.on("message", ({ token, value, error }: Answer) => {
      const waiting = this.#waiting.get(token);
      this.#waiting.delete(token);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(`${name}: ${error}`));
    });
    this.child.process.once("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(this.child.failure));
    });
  }

  async ask<Value>(question: object, msMax: number): Promise<Value> {
    if (this.child.failure !== undefined) throw new Error(this.child.failure);
    const token = ++this.#token;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(token, { resolve, reject }));
    this.child.process.send({ token, question } satisfies Question, () => undefined);
    return (await within(answer, msMax, () => `${this.#name} does not answer`)) as Value;
  }
}

/** In such a process: answers each question by what `answer` resolves with. */
export function serve<Asked>(answer: (question: Asked) => Promise<unknown>): void {
  process.on("message", ({ token, question }: Question) => {
    const send = (rest: object): void => void process.send?.({ token, ...rest });
    answer(question as Asked).then(
      (value) => send({ value }),
      (error: unknown) => send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once("disconnect", () => process.exit(0));
}

/** What the process was started with. */
export const configOf = <Config>(): Config => JSON.parse(process.argv.at(-1) ?? "{}") as Config;
