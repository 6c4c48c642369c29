import { assert, type Cancel, type Clock } from "@halon/runtime";
import type { Life } from "./life.ts";

export interface ClockOptions {
  readonly world: Clock;
  readonly life: Life;
  /** Milliseconds of this clock per millisecond of the world: 1.05 is 5 % fast. */
  readonly rate: number;
  /** What it shows when the world's shows 0: never compared between machines. */
  readonly originMs: number;
}

/** The world's clocks count in such steps, so that rounding never makes an alarm early. */
const TICK_MS = 1e-6;

/** The clock of one machine as one process sees it: it may go fast or slow, and goes on while the process is paused. */
export class ProcessClock implements Clock {
  readonly #options: ClockOptions;

  constructor(options: ClockOptions) {
    assert(options.rate > 0, `clock rate ${options.rate}: must be above 0`);
    this.#options = options;
  }

  nowMs(): number {
    return this.#show(this.#options.world.nowMs());
  }

  at(atMs: number, fire: () => void): Cancel {
    const { world, life, rate, originMs } = this.#options;
    let isLive = true;
    let worldMs = Math.max(world.nowMs(), (atMs - originMs) / rate);
    while (this.#show(worldMs) < atMs) worldMs += TICK_MS;
    const cancel = world.at(worldMs, () => {
      if (life.isOpen) fire();
      else
        life.run(() => {
          if (isLive) fire();
        });
    });
    return () => {
      isLive = false;
      cancel();
    };
  }

  #show(worldMs: number): number {
    const { rate, originMs } = this.#options;
    return originMs + worldMs * rate;
  }
}
