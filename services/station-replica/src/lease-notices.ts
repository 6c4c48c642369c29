import type { Lease } from "@halon/proto";
import type { Cancel, Clock, Store } from "@halon/runtime";
import { readLease } from "./coordinator-state.ts";

export interface LeaseNoticesPorts {
  readonly clock: Clock;
  readonly store: Store;
  readonly publish: (lease: Lease) => void;
  /** The lease has a new holder. */
  readonly onEpoch: (lease: Lease) => void;
}

/** Tells supervisors of renewals: one notice per turn, as who rebuilds its state applies those of days in a second. */
export class LeaseNotices {
  readonly #ports: LeaseNoticesPorts;
  #epoch: number;
  #hasChanged = false;
  #cancel: Cancel | undefined;

  constructor(ports: LeaseNoticesPorts) {
    this.#ports = ports;
    this.#epoch = readLease(ports.store).epoch;
  }

  /** What is being applied renews or grants the lease. */
  changed(): void {
    this.#hasChanged = true;
  }

  /** It is applied. */
  tell(): void {
    const { clock } = this.#ports;
    if (this.#hasChanged) this.#cancel ??= clock.at(clock.nowMs(), () => this.#publish());
    this.#hasChanged = false;
  }

  stop(): void {
    this.#cancel?.();
  }

  #publish(): void {
    const { store, publish, onEpoch } = this.#ports;
    this.#cancel = undefined;
    const lease = readLease(store);
    publish(lease);
    if (lease.epoch !== this.#epoch) onEpoch(lease);
    this.#epoch = lease.epoch;
  }
}
