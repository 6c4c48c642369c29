import type { InstanceState } from "@halon/proto";
import type { Outputs, SubmitOutcome } from "./agent-io.ts";

/** Events under way at a time. */
const UNDER_WAY_MAX = 64;
/** Pause after the queue's own window was full. */
const FULL_PAUSE_MS = 200;
const KEY_PREFIX = "instance ";
const TIMER = "reports";

/**
 * Tells the coordinator of instances that have changed. Per instance one event is under way and the newest state waits:
 * what was overtaken is not told, what is told comes in order.
 */
export class InstanceReports {
  readonly #node: string;
  /** Newest state that was offered, per instance. */
  readonly #offered = new Map<string, string>();
  readonly #waiting = new Map<string, InstanceState>();
  readonly #underWay = new Map<string, InstanceState>();
  #isPausing = false;
  #overtaken = 0;
  #refused = 0;

  constructor(node: string) {
    this.#node = node;
  }

  get counters(): { readonly waiting: number; readonly overtaken: number; readonly refused: number } {
    return {
      waiting: this.#waiting.size + this.#underWay.size,
      overtaken: this.#overtaken,
      refused: this.#refused,
    };
  }

  /** Told if it differs from the last one offered of that instance. */
  offer(state: InstanceState, out: Outputs): void {
    const text = JSON.stringify(state);
    if (this.#offered.get(state.instance) === text) return;
    this.#offered.set(state.instance, text);
    if (this.#waiting.has(state.instance)) this.#overtaken++;
    this.#waiting.set(state.instance, state);
    this.#send(out);
  }

  /** The instance is forgotten here; what waits is still told. */
  forget(instance: string): void {
    this.#offered.delete(instance);
  }

  /** True when the event was one of these. */
  onSubmitted(key: string, outcome: SubmitOutcome, nowMs: number, out: Outputs): boolean {
    if (!key.startsWith(KEY_PREFIX)) return false;
    const instance = key.slice(KEY_PREFIX.length);
    const state = this.#underWay.get(instance);
    this.#underWay.delete(instance);
    if (outcome === "refused") this.#refused++;
    if (outcome === "full" && state !== undefined) {
      if (!this.#waiting.has(instance)) this.#waiting.set(instance, state);
      this.#isPausing = true;
      out.push({ kind: "timer", name: TIMER, atMs: nowMs + FULL_PAUSE_MS });
    }
    this.#send(out);
    return true;
  }

  onTimer(name: string, out: Outputs): void {
    if (name !== TIMER) return;
    this.#isPausing = false;
    this.#send(out);
  }

  #send(out: Outputs): void {
    for (const [instance, state] of this.#waiting) {
      if (this.#isPausing || this.#underWay.size >= UNDER_WAY_MAX) return;
      if (this.#underWay.has(instance)) continue;
      this.#waiting.delete(instance);
      this.#underWay.set(instance, state);
      const payload = { kind: "instanceChanged", value: { node: this.#node, state } } as const;
      out.push({ kind: "submit", key: `${KEY_PREFIX}${instance}`, type: "instance-changed", payload });
    }
  }
}
