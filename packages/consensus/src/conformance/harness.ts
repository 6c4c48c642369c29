import type { MemberId } from "../ids.ts";
import { Cluster, type MakeCore } from "./cluster.ts";

/** As much of a test runner's `expect` as the suite uses. */
export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeGreaterThanOrEqual(expected: number): void;
}

/** The test runner, handed in so that the suite depends on none. vitest's and jest's fit. */
export interface SuiteApi {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => void): void;
  expect(actual: unknown, message?: string): Expectation;
}

export interface ConsensusHarness {
  readonly make: MakeCore;
  /** Virtual time within which a group without faults does what it is asked to. */
  readonly patienceMs: number;
  /** About the time in which a silent leader is replaced: faults are spread over spans of this kind. */
  readonly paceMs: number;
}

export const NAMES: readonly MemberId[] = ["a", "b", "c", "d", "e"];
export const clusterOf = ({ make }: ConsensusHarness, size: number, seed = 1, clockRateError = 0): Cluster =>
  new Cluster({ make, members: NAMES.slice(0, size), seed, clockRateError });

export function decideMany(cluster: Cluster, harness: ConsensusHarness, prefix: string, count: number): void {
  for (let at = 1; at <= count; at++) cluster.decide(`${prefix}${at}`, harness.patienceMs);
}

export function everybodyKnowsAll(cluster: Cluster, harness: ConsensusHarness): void {
  const isEven = (): boolean => cluster.alive.every((id) => cluster.delivered(id) >= cluster.ledger.highest);
  cluster.until(isEven, harness.patienceMs, "everybody alive has delivered all that anybody has");
}

export function leaderOf(cluster: Cluster, harness: ConsensusHarness): MemberId {
  cluster.until(() => cluster.leader !== undefined, harness.patienceMs, "somebody leads");
  return cluster.leader as MemberId;
}
