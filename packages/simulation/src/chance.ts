import { crc32 } from "node:zlib";
import { assert, fraction, type Random } from "@halon/runtime";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Seeds are 32 bits: short enough to be typed. */
export const SEED_MAX = 2 ** 32 - 1;

/** The same chance for the same seed, on every machine. */
export class Chance implements Random {
  readonly #seed: number;
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    assert(Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX, `seed ${seed}: a whole number of 32 bits`);
    this.#seed = seed;
    this.#generator = xoroshiro128plus(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let count = 0; count < 8; count++) this.#generator.next();
  }

  /** A stream of its own for `label`: what others draw does not change it. */
  fork(label: string): Chance {
    return new Chance(crc32(`${this.#seed}/${label}`));
  }

  u32(): number {
    return this.#generator.next() >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return fraction(this);
  }

  /** A whole number, uniform in 0 … below − 1. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** Mostly near `from`, now and then up to `to`: what disks and networks do. */
  latency(from: number, to: number): number {
    const squared = this.fraction() ** 2;
    return from + squared * squared * (to - from);
  }

  hits(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Undefined when there is none to pick. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }

  /** All of `from`, in another order. */
  shuffled<T>(from: readonly T[]): T[] {
    const left = [...from];
    return from.map(() => left.splice(this.below(left.length), 1)[0] as T);
  }
}
