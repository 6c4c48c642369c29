/** The same numbers for the same seed (mulberry32), so that a failing run is repeated from its seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in 0 … below − 1. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  hits(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Mostly short, now and then up to `maxMs`: what disks and networks do. Always above 0. */
  latencyMs(maxMs: number): number {
    return 0.05 + this.fraction() ** 4 * maxMs;
  }

  /** Undefined when there is none to pick. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }
}
