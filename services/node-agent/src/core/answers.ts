import { assert } from "@halon/runtime";
import type { AgentOutput, Outputs } from "./agent-io.ts";

/** Answers that may wait for what they say to come true; the oldest then stays without an answer. */
const WAITING_MAX = 256;

interface Waiting {
  readonly token: number;
  readonly isDue: (() => boolean) | undefined;
  readonly answer: AgentOutput;
  /** State that has to be durable first. */
  version: number | undefined;
}

/** Holds answers back until they are true, and what they promise is durable. */
export class Answers {
  #waiting: Waiting[] = [];
  #dropped = 0;

  /** Answers that were given up. */
  get dropped(): number {
    return this.#dropped;
  }

  add(token: number, answer: AgentOutput, isDue?: () => boolean): void {
    this.#waiting.push({ token, isDue, answer, version: undefined });
  }

  /** After each step: `version` is of the newest state, `saved` of the newest durable one. */
  settle(version: number, saved: number, out: Outputs): void {
    assert(saved <= version, `version ${saved} is durable, but only ${version} exists`);
    this.#waiting = this.#waiting.filter((each) => {
      if (each.version === undefined && (each.isDue?.() ?? true)) each.version = version;
      const isReady = each.version !== undefined && each.version <= saved;
      if (isReady) out.push(each.answer);
      return !isReady;
    });
    for (const { token } of this.#waiting.splice(0, Math.max(0, this.#waiting.length - WAITING_MAX))) {
      this.#dropped++;
      out.push({ kind: "unanswered", token });
    }
  }
}
