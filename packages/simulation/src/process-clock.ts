import type { Cancel, Clock } from "@halon/runtime";
import type { Life } from "./life.ts";

/** The clock of a machine as one process sees it: it goes on while the process is paused, whose alarms then come late. */
export class ProcessClock implements Clock {
  readonly #machine: Clock;
  readonly #life: Life;

  constructor(machine: Clock, life: Life) {
    this.#machine = machine;
    this.#life = life;
  }

  nowMs(): number {
    return this.#machine.nowMs();
  }

  at(atMs: number, fire: () => void): Cancel {
    const life = this.#life;
    let isLive = true;
    const cancel = this.#machine.at(atMs, () => {
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
}
