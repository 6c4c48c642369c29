import type { Lease, LeaseResult } from "@halon/proto";
import { assert } from "@halon/runtime";

export interface SupervisorConfig {
  /** The station node that this supervisor and its agent run on. */
  readonly node: string;
  /** All station nodes. */
  readonly stations: readonly string[];
  /** Span of the coordinator's lease, as the coordinator counts it. */
  readonly leaseMs: number;
  /** Bound on the difference of clock rates, such as 0.05. */
  readonly driftRatio: number;
  /** From a grant to the new coordinator's first checkpoint. */
  readonly startAllowanceMs: number;
  /** Supervisors take their turns this far apart, so that one of them is usually alone. */
  readonly staggerMs: number;
}

export const SUPERVISOR_DEFAULTS = {
  leaseMs: 2_000,
  driftRatio: 0.05,
  startAllowanceMs: 3_000,
  staggerMs: 100,
} as const;

/** An `activate` that nobody answered is repeated after this. */
export const ACTIVATE_RETRY_MS = 200;

export type SupervisorInput =
  | { readonly kind: "start" }
  /** This node's station has applied a renewal or a grant. */
  | { readonly kind: "notice"; readonly lease: Lease }
  /** What `grant` came to; `undefined` when it was never decided. */
  | { readonly kind: "decided"; readonly result: LeaseResult | undefined }
  /** What `activate` came to; `undefined` when the agent did not answer. */
  | { readonly kind: "activated"; readonly epoch: number; readonly outcome: string | undefined }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type SupervisorOutput =
  /** Compare-and-set the lease: from `lease` as known here to this node. One at a time. */
  | { readonly kind: "grant"; readonly lease: Lease; readonly holder: string }
  /** Have this node's agent start a coordinator. */
  | { readonly kind: "activate"; readonly epoch: number; readonly node: string }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/**
 * Sees to it that exactly one coordinator acts; sans-IO. Measures from when this node's station *applied* the last
 * renewal, stretched, so that no holder's lease runs longer in its own eyes than here. Whatever it believes wrongly, the
 * compare-and-set on (epoch, checkpoint) refuses.
 */
export class SupervisorCore {
  readonly #config: SupervisorConfig;
  #lease: Lease = { epoch: 0, holder: "", checkpoint: 0 };
  #heardAtMs = 0;
  #isGranting = false;
  /** Epoch whose coordinator this node's agent has to start. */
  #activating: number | undefined;

  constructor(config: SupervisorConfig) {
    this.#config = config;
  }

  get lease(): Lease {
    return this.#lease;
  }

  step(input: SupervisorInput, nowMs: number): readonly SupervisorOutput[] {
    switch (input.kind) {
      case "start":
        // Nothing is known of the past: one full lease may be in force.
        this.#heardAtMs = nowMs;
        return [this.#watch(nowMs)];
      case "notice":
        return this.#learn(input.lease, nowMs) ? [this.#watch(nowMs)] : [];
      case "decided":
        return this.#onDecided(input.result, nowMs);
      case "activated":
        return this.#onActivated(input.epoch, input.outcome, nowMs);
      case "timer":
        return input.name === "activate" ? this.#activate() : this.#onLapseTimer(nowMs);
      default:
        return input satisfies never;
    }
  }

  /** True when `lease` is news; time then counts from now. */
  #learn(lease: Lease, nowMs: number): boolean {
    const { epoch, checkpoint } = this.#lease;
    if (lease.epoch < epoch || (lease.epoch === epoch && lease.checkpoint <= checkpoint)) return false;
    this.#lease = lease;
    this.#heardAtMs = nowMs;
    if (this.#activating !== undefined && (lease.epoch > this.#activating || lease.checkpoint > 0))
      this.#activating = undefined;
    return true;
  }

  #watch(nowMs: number): SupervisorOutput {
    return { kind: "timer", name: "lapse", atMs: Math.max(nowMs, this.#lapseAtMs) };
  }

  /** The holder's own node comes last: where a coordinator has just failed, another may fail too. */
  get #lapseAtMs(): number {
    const { node, stations, leaseMs, driftRatio, startAllowanceMs, staggerMs } = this.#config;
    const rank = this.#lease.holder === node ? stations.length : stations.indexOf(node);
    assert(rank >= 0, `${node} is none of the stations ${stations.join(", ")}`);
    const hasBegun = this.#lease.checkpoint > 0 || this.#lease.epoch === 0;
    const stretched = (leaseMs * (1 + driftRatio)) / (1 - driftRatio);
    return this.#heardAtMs + Math.max(stretched, hasBegun ? 0 : startAllowanceMs) + rank * staggerMs;
  }

  #onLapseTimer(nowMs: number): readonly SupervisorOutput[] {
    if (this.#isGranting) return [];
    if (nowMs < this.#lapseAtMs) return [this.#watch(nowMs)];
    this.#isGranting = true;
    return [{ kind: "grant", lease: this.#lease, holder: this.#config.node }];
  }

  #onDecided(result: LeaseResult | undefined, nowMs: number): readonly SupervisorOutput[] {
    this.#isGranting = false;
    if (result?.lease === undefined) {
      this.#heardAtMs = nowMs;
      return [this.#watch(nowMs)];
    }
    const isNews = this.#learn(result.lease, nowMs);
    // Somebody else was first, and long ago: a refusal is no renewal, but what it tells may be the newest there is.
    if (!isNews && !result.granted) this.#heardAtMs = nowMs;
    const isOurs = result.granted && result.lease.checkpoint === 0 && result.lease.epoch === this.#lease.epoch;
    if (!isOurs) return [this.#watch(nowMs)];
    this.#activating = result.lease.epoch;
    return [this.#watch(nowMs), ...this.#activate()];
  }

  #activate(): readonly SupervisorOutput[] {
    if (this.#activating === undefined) return [];
    return [{ kind: "activate", epoch: this.#activating, node: this.#config.node }];
  }

  #onActivated(epoch: number, outcome: string | undefined, nowMs: number): readonly SupervisorOutput[] {
    if (epoch !== this.#activating) return [];
    if (outcome === undefined) return [{ kind: "timer", name: "activate", atMs: nowMs + ACTIVATE_RETRY_MS }];
    // Started, or refused for good: the lease shows which, by being renewed or lapsing.
    this.#activating = undefined;
    return [];
  }
}
