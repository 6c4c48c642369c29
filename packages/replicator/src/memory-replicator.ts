import {
  Applier,
  type CallOutcome,
  type Command,
  ELAPSED_MS_MAX,
  type Outcome,
  refuseTooLarge,
  type StateMachine,
} from "@halon/replicated-log";
import type { Cancel, Clock, Store } from "@halon/runtime";
import type { Replicator, UpdateOptions } from "./replicator.ts";
import type { Tell, WatchFrom, WatchOptions, WatchStatus } from "./watch/index.ts";
import { WatchedState } from "./watch/watched-state.ts";
import { Watchers } from "./watch/watcher.ts";

export interface MemoryReplicatorPorts {
  readonly clock: Clock;
  readonly store: Store;
}

/**
 * A {@link Replicator} of one, without consensus: for tests of what is built on top. Each call is a decree of its own,
 * answered in order.
 */
export class MemoryReplicator implements Replicator {
  readonly #ports: MemoryReplicatorPorts;
  readonly #applier: Applier;
  readonly #watched: WatchedState;
  readonly #watchers: Watchers;
  #decidedAtMs: number;

  constructor(machine: StateMachine, ports: MemoryReplicatorPorts, watch: WatchOptions = {}) {
    const { clock, store } = ports;
    this.#ports = ports;
    this.#watched = new WatchedState(watch, { clock, store });
    this.#applier = new Applier(this.#watched.store, machine);
    this.#watched.open();
    this.#watchers = new Watchers(["memory"], {
      clock,
      random: { u32: () => 0 },
      poll: (_to, request, _timeoutMs, done) =>
        this.#watched.ask(request, (answer) => clock.at(clock.nowMs(), () => done(answer))),
    });
    this.#decidedAtMs = clock.nowMs();
  }

  update(payload: Uint8Array, _options: UpdateOptions, done: (outcome: CallOutcome) => void): Cancel {
    return this.#later(payload, done, () => this.#apply(payload));
  }

  query(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel {
    return this.#later(payload, done, () => this.#applier.answer(payload));
  }

  queryStale(payload: Uint8Array, done: (outcome: CallOutcome) => void): Cancel {
    return this.query(payload, done);
  }

  watch(from: WatchFrom, tell: Tell): Cancel {
    return this.#watchers.watch(from, tell);
  }

  get watchStatus(): WatchStatus {
    return this.#watched.status;
  }

  #later(payload: Uint8Array, done: (outcome: CallOutcome) => void, call: () => Outcome | undefined): Cancel {
    const { clock } = this.#ports;
    return clock.at(clock.nowMs(), () => {
      const outcome = refuseTooLarge(payload) ?? call();
      if (outcome?.kind === "result" || outcome?.kind === "refused") done(outcome);
    });
  }

  #apply(payload: Uint8Array): Outcome | undefined {
    const nowMs = this.#ports.clock.nowMs();
    const elapsedMs = Math.min(ELAPSED_MS_MAX, Math.floor(nowMs - this.#decidedAtMs));
    this.#decidedAtMs = elapsedMs === ELAPSED_MS_MAX ? nowMs : this.#decidedAtMs + elapsedMs;
    const command: Command = { kind: "idempotent", session: 0, seq: 0, lowest: 0, payload };
    return this.#applier.apply(this.#applier.applied + 1, { elapsedMs, commands: [command] })[0];
  }
}
