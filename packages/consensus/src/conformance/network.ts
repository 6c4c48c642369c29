import type { MemberId } from "../ids.ts";
import type { Chance } from "./chance.ts";
import type { Schedule } from "./schedule.ts";

/** What goes wrong by itself. Probabilities per message, longest latencies in ms. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly delayMsMax: number;
  readonly flushMsMax: number;
  /** A member whose disk is {@link SLOW_DISK_FACTOR} times slower. */
  readonly slowDisk?: MemberId;
}

export const SLOW_DISK_FACTOR = 10;

export const NO_FAULTS: Faults = { loss: 0, duplication: 0, delayMsMax: 1, flushMsMax: 1 };

/** Carries messages between members: at most once or twice or never, in any order. */
export class Network {
  faults: Faults = NO_FAULTS;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #arrive: (from: MemberId, to: MemberId, bytes: Uint8Array) => void;
  /** `from>to` of each direction that is cut. */
  readonly #cut = new Set<string>();

  constructor(schedule: Schedule, chance: Chance, arrive: (from: MemberId, to: MemberId, bytes: Uint8Array) => void) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#arrive = arrive;
  }

  /** Messages on their way are stopped too, if the cut is still there when they would arrive. */
  cut(from: MemberId, to: MemberId): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  send(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    const copies = this.#chance.hits(this.faults.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#chance.hits(this.faults.loss)) continue;
      this.#schedule.at(this.#schedule.nowMs + this.#chance.latencyMs(this.faults.delayMsMax), () => {
        if (!this.#cut.has(`${from}>${to}`)) this.#arrive(from, to, bytes.slice());
      });
    }
  }
}
