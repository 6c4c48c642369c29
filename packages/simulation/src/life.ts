/** Callbacks that may be held for a paused process; more deliveries are lost, as a full socket loses them. */
const HELD_MAX = 65_536;

/**
 * From start to end of one process. Everything that calls into the process goes through here, so that a dead one hears
 * nothing and a paused one hears everything late and in order.
 */
export class Life {
  #state: "running" | "paused" | "over" = "running";
  #held: (() => void)[] = [];
  #dropped = 0;

  get state(): "running" | "paused" | "over" {
    return this.#state;
  }

  /** Deliveries lost because too much was held. */
  get dropped(): number {
    return this.#dropped;
  }

  /** True when a callback may run right now. */
  get isOpen(): boolean {
    return this.#state === "running" && this.#held.length === 0;
  }

  /** Runs `act` now, after the pause, or never. */
  run(act: () => void): void {
    if (this.isOpen) act();
    else if (this.#state !== "over") this.#held.push(act);
  }

  /** The same for what may be lost. */
  deliver(act: () => void): void {
    if (this.#held.length < HELD_MAX) this.run(act);
    else this.#dropped++;
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /** What was held runs when `drain` is called. */
  resume(): void {
    if (this.#state === "paused") this.#state = "running";
  }

  /** Runs what was held, in order, until it is paused again. */
  drain(): void {
    while (this.#held.length > 0 && this.#state === "running") {
      const [act] = this.#held;
      // Removed afterwards: what arrives meanwhile queues behind.
      act?.();
      this.#held.shift();
    }
  }

  end(): void {
    this.#state = "over";
    this.#held = [];
  }
}
