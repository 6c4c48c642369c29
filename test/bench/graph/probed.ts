import { readFileSync } from "node:fs";
import type { Child, Scratch } from "../../log-group/scratch.ts";
import { within } from "../../log-group/within.ts";
import type { ProbeAnswer, ProbeQuestion, Vitals } from "./messages.ts";

const PROBE = new URL("probe.js", import.meta.url).href;
const ANSWER_MS_MAX = 120_000;
const KIB_PER_MIB = 1_024;

/** Flags of the heap of all processes that are looked at: Node's own defaults, and a collector that can be called. */
export const HEAP_FLAGS = "--expose-gc";

type Answer = Exclude<ProbeAnswer, { readonly kind: "decided" }>;

/** A process of Node that is looked at from without. */
export class Probed {
  readonly child: Child;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #token = 0;

  constructor(
    scratch: Scratch,
    name: string,
    args: readonly string[],
    onDecided: (number: number, ms: number) => void = () => undefined,
  ) {
    const flags = [...process.execArgv, HEAP_FLAGS, "--import", PROBE];
    this.child = scratch.spawn(name, process.execPath, [...flags, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.child.process.on("message", (answer: ProbeAnswer) => {
      if (answer.kind === "decided") return onDecided(answer.number, answer.ms);
      this.#waiting.get(answer.token)?.(answer);
      this.#waiting.delete(answer.token);
    });
  }

  async vitals({ reset = false, collect = false } = {}): Promise<Vitals> {
    const answer = await this.#ask({ kind: "vitals", token: ++this.#token, reset, collect });
    if (answer.kind !== "vitals") throw new Error(`${answer.kind} is no answer to vitals`);
    return answer.vitals;
  }

  async queries(count: number): Promise<{ readonly meanUs: number; readonly found: number }> {
    const answer = await this.#ask({ kind: "queries", token: ++this.#token, count });
    if (answer.kind !== "queries") throw new Error(`${answer.kind} is no answer to queries`);
    return answer;
  }

  /** Memory of the process that no file stands for. */
  get anonMib(): number {
    const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.child.pid}/status`, "utf8")) ?? [];
    return Number(kib) / KIB_PER_MIB;
  }

  #ask(question: ProbeQuestion): Promise<Answer> {
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(question.token, resolve));
    this.child.process.send(question, () => undefined);
    return within(answered, ANSWER_MS_MAX, () => `no answer: ${this.child.failure ?? "it runs"}`);
  }
}
