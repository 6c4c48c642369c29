import type { Random } from "@halon/runtime";

/** Chance from a seed: xorshift32. */
export function seeded(seed: number): Random {
  let state = seed | 1;
  return {
    u32: () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    },
  };
}
