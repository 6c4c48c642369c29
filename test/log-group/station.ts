import { type Child, type Scratch, UP_MS_MAX, until } from "./scratch.ts";
import type { StationAnswer, StationConfig, StationQuestion, StationState, StationStatus } from "./station-messages.ts";
import { within } from "./within.ts";

const ANSWER_MS_MAX = 30_000;

type Distributed<T, K extends string> = T extends unknown ? Omit<T, K> : never;
type Reply = Exclude<StationAnswer, { readonly kind: "ready" }>;

interface Waiting {
  readonly resolve: (answer: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A station in a process of its own, which can be killed and started again on the same directory. */
export class Station {
  readonly #scratch: Scratch;
  readonly #command: readonly string[];
  readonly #config: StationConfig;
  #child: Child | undefined;
  #isReady = false;
  #isPaused = false;
  readonly #asked = new Map<number, Waiting>();
  #token = 0;

  /** `command`: arguments of Node, the last of which is a program that calls `serveStation` with its argument, `config`. */
  constructor(scratch: Scratch, command: readonly string[], config: StationConfig) {
    this.#scratch = scratch;
    this.#command = command;
    this.#config = config;
  }

  get name(): string {
    return this.#config.self;
  }

  /** `undefined` while it does not run. */
  get child(): Child | undefined {
    return this.#child;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Resolves when it has taken up its earlier life and serves. */
  async start(): Promise<void> {
    const args = [...this.#command, JSON.stringify(this.#config)];
    const child = this.#scratch.spawn(`station ${this.name}`, process.execPath, args, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
    });
    this.#child = child;
    this.#isReady = false;
    child.process.on("message", (answer: StationAnswer) => {
      if (answer.kind === "ready") this.#isReady = true;
      else {
        this.#asked.get(answer.token)?.resolve(answer);
        this.#asked.delete(answer.token);
      }
    });
    child.process.once("exit", () => {
      for (const { reject } of this.#asked.values()) reject(new Error(child.failure));
      this.#asked.clear();
    });
    await until(`station ${this.name} starts`, [child], async () => this.#isReady || undefined, UP_MS_MAX);
  }

  /** Of now; with `reset`, stalls are counted from here on. */
  async status({ reset = false, msMax = ANSWER_MS_MAX } = {}): Promise<StationStatus> {
    return (await this.#ask("status", { kind: "status", reset }, msMax)).status;
  }

  async state(): Promise<StationState> {
    return (await this.#ask("state", { kind: "state" }, ANSWER_MS_MAX)).state;
  }

  /** As a client that sits beside it: no network is between them. Rejects when there is no answer in that time. */
  async submit(bytes: Uint8Array, msMax: number): Promise<Uint8Array> {
    return (await this.#ask("submit", { kind: "submit", bytes }, msMax)).bytes;
  }

  /** SIGSTOP: it does nothing from now on, while what is sent to it waits. */
  pause(): void {
    this.#child?.process.kill("SIGSTOP");
    this.#isPaused = true;
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.process.kill("SIGCONT");
    this.#isPaused = false;
  }

  /** kill -9. The signal is sent before this returns; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#isPaused = false;
    await child?.kill();
  }

  async #ask<K extends Reply["kind"]>(
    kind: K,
    question: Distributed<StationQuestion, "token"> & { readonly kind: K },
    msMax: number,
  ): Promise<Reply & { readonly kind: K }> {
    const child = this.#child;
    if (child === undefined) throw new Error(`station ${this.name} does not run`);
    if (child.failure !== undefined) throw new Error(child.failure);
    const token = ++this.#token;
    const answered = new Promise<Reply>((resolve, reject) => this.#asked.set(token, { resolve, reject }));
    // When it cannot be sent any more, it is about to end, and what it was asked is rejected then.
    child.process.send({ ...question, token } as StationQuestion, () => undefined);
    try {
      const answer = await within(answered, msMax, () => `station ${this.name} does not answer`);
      if (answer.kind !== kind) throw new Error(`station ${this.name} answers ${answer.kind} when asked ${kind}`);
      return answer as Reply & { readonly kind: K };
    } finally {
      this.#asked.delete(token);
    }
  }
}
