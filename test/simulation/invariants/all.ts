import type { Invariant, World } from "@halon/simulation";
import type { ListHistory } from "../list-history.ts";
import { Agreement } from "./agreement.ts";
import { AppliedOnce } from "./applied-once.ts";
import { BoundedLog } from "./bounded-log.ts";
import { DurablePromises } from "./durable-promises.ts";
import { ExclusiveLease } from "./exclusive-lease.ts";
import { FreshReads } from "./fresh-reads.ts";
import type { Ledger } from "./ledger.ts";
import { Linearizable } from "./linearizable.ts";
import { LogMatching } from "./log-matching.ts";
import { MonotonicBallots } from "./monotonic-ballots.ts";
import { type MemberState, SameState } from "./same-state.ts";
import { StopSign } from "./stop-sign.ts";
import { Validity } from "./validity.ts";
import type { WatchedInvariant } from "./watched.ts";

export interface LogInvariantsOptions {
  readonly ledger: Ledger;
  readonly history: ListHistory;
  readonly snapshotBytes: number;
  /** Of all members that are up. */
  readonly states: () => readonly MemberState[];
}

/** An invariant as a table has it. */
export interface Described extends Invariant {
  readonly says: string;
}

export interface LogInvariants {
  /** To be shown what members do. */
  readonly watched: readonly WatchedInvariant[];
  readonly all: readonly Described[];
}

/** All that must hold of a replicated log, each in a file of its own. */
export function logInvariants({ ledger, history, snapshotBytes, states }: LogInvariantsOptions): LogInvariants {
  const watched = [
    new Agreement(ledger),
    new Validity(ledger),
    new MonotonicBallots(),
    new DurablePromises(),
    new LogMatching(),
    new StopSign(ledger),
    new ExclusiveLease(),
    new FreshReads(ledger),
    new AppliedOnce(),
    new SameState(states),
    new BoundedLog(snapshotBytes),
  ];
  return { watched, all: [...watched, new Linearizable(history)] };
}

/** Has the world check them. */
export function addInvariants(world: World, { all }: LogInvariants): void {
  for (const invariant of all) world.addInvariant(invariant);
}
