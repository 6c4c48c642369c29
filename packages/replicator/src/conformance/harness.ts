import type { StateMachine } from "@halon/replicated-log";
import type { Until } from "@halon/runtime/conformance";
import type { Replicator } from "../replicator.ts";
import type { WatchOptions } from "../watch/index.ts";

/** One group with nothing in it yet. */
export interface TestGroup {
  readonly replicator: Replicator;
  readonly until: Until;
  close(): Promise<void>;
}

export interface ReplicatorHarness {
  /** `watch`: the limits of what each member keeps for watchers. */
  open(machine: StateMachine, watch?: WatchOptions): Promise<TestGroup>;
}
