import type { Random } from "../random.ts";

/** As much of a test runner's `expect` as the suites use. */
export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeLessThanOrEqual(expected: number): void;
  toBeGreaterThanOrEqual(expected: number): void;
}

/** The test runner, handed in so that the suites depend on none. vitest's and jest's fit. */
export interface SuiteApi {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => void | Promise<void>): void;
  expect(actual: unknown, message?: string): Expectation;
}

/**
 * Waits until `condition` holds: adapters on real IO ask again and again up to a deadline, those in memory move a
 * virtual clock. Rejects when it never does.
 */
export type Until = (condition: () => boolean) => Promise<void>;

/** The `code` of the error that `action` throws; undefined when it throws none. */
export function codeThrown(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** The `code` of the error that `action` rejects with; undefined when it succeeds. */
export async function codeRejected(action: () => Promise<unknown>): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** The same numbers for the same seed (mulberry32), so that a failing run is repeated from the seed in its test's name. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    u32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) >>> 0;
    },
  };
}

/** Uniform in 0 … below − 1. */
export const pick = (random: Random, below: number): number => random.u32() % below;

/** `length` bytes that tell themselves apart from others by `fill`. */
export function patterned(length: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (fill + at * 7) & 0xff;
  return bytes;
}
