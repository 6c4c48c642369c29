import { assert, type Cancel, type Clock } from "@halon/runtime";

/** The world's clock counts in such steps, so that rounding never makes an alarm early. */
const TICK_MS = 1e-6;

interface Alarm {
  readonly atMs: number;
  readonly fire: () => void;
  cancel: Cancel;
}

/**
 * The clock of one machine: fast or slow by a rate that may change, never going back. Its origin means nothing and is
 * never compared between machines.
 */
export class MachineClock implements Clock {
  readonly #world: Clock;
  #rate: number;
  /** It shows `#baseMs` when the world's shows `#baseWorldMs`, and goes at the rate from there. */
  #baseMs: number;
  #baseWorldMs: number;
  /** In the order of asking. */
  readonly #alarms = new Set<Alarm>();

  constructor(world: Clock, rate: number, originMs: number) {
    this.#world = world;
    this.#rate = assertRate(rate);
    this.#baseMs = originMs;
    this.#baseWorldMs = world.nowMs();
  }

  /** Milliseconds of this clock per millisecond of the world: 1.05 is 5 % fast. */
  get rate(): number {
    return this.#rate;
  }

  /** From now on it goes at this rate; alarms that wait move accordingly. */
  setRate(rate: number): void {
    this.#baseMs = this.nowMs();
    this.#baseWorldMs = this.#world.nowMs();
    this.#rate = assertRate(rate);
    for (const alarm of this.#alarms) {
      alarm.cancel();
      this.#arm(alarm);
    }
  }

  nowMs(): number {
    return this.#show(this.#world.nowMs());
  }

  at(atMs: number, fire: () => void): Cancel {
    const alarm: Alarm = { atMs, fire, cancel: () => undefined };
    this.#alarms.add(alarm);
    this.#arm(alarm);
    return () => {
      if (this.#alarms.delete(alarm)) alarm.cancel();
    };
  }

  #arm(alarm: Alarm): void {
    const { atMs } = alarm;
    let worldMs = Math.max(this.#world.nowMs(), this.#baseWorldMs + (atMs - this.#baseMs) / this.#rate);
    while (this.#show(worldMs) < atMs) worldMs += TICK_MS;
    alarm.cancel = this.#world.at(worldMs, () => {
      this.#alarms.delete(alarm);
      alarm.fire();
    });
  }

  #show(worldMs: number): number {
    return this.#baseMs + (worldMs - this.#baseWorldMs) * this.#rate;
  }
}

function assertRate(rate: number): number {
  assert(rate > 0, `clock rate ${rate}: must be above 0`);
  return rate;
}
