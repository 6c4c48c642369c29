import { randomFillSync } from "node:crypto";

/** A source of chance. Cores never hold one: what they need of it comes in with their inputs. */
export interface Random {
  /** Uniform in 0 … 2³²−1. */
  u32(): number;
}

/** Uniform in [0, 1). */
export const fraction = (random: Random): number => random.u32() / 2 ** 32;

const word = new Uint32Array(1);

/** Chance from the operating system. */
export const systemRandom: Random = {
  u32: () => randomFillSync(word)[0] as number,
};
