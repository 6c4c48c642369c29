import type { Store, StoreRange } from "../store.ts";
import { ALL, text } from "./store-twin.ts";
import type { Until } from "./suite.ts";

/** Where one store lives, over openings and crashes. */
export interface StorePlace {
  /** The store that is there, or a new one. */
  open(): Promise<Store>;
  /**
   * The machine dies: batches that were not durable are lost, or some of the oldest survive, as the harness chooses. The
   * open store is never heard of again. Left out where it cannot be done.
   */
  crash?(): Promise<void>;
}

export interface StoreHarness {
  /** A new, empty place, removed by the harness after the test. */
  fresh(): Promise<StorePlace>;
  readonly until: Until;
}

export const keys = (store: Pick<Store, "range">, range: Partial<StoreRange> = {}): string[] =>
  store.range({ ...ALL, ...range }).map(([key]) => key);
export const content = (store: Pick<Store, "range">, range: StoreRange = ALL): string[] =>
  store.range(range).map(([key, value]) => `${key}=${text(value)}`);

export const flushed = async (store: Store, until: Until): Promise<void> => {
  let done = false;
  store.flush(() => {
    done = true;
  });
  await until(() => done);
};

/** Lets one thing happen: a commit that was asked for may begin, or end. */
export const moment = async (until: Until): Promise<void> => {
  let asked = 0;
  await until(() => asked++ > 0);
};
