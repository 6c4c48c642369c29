import type { Membership } from "@halon/consensus";
import { isComplete, type Recovery, recover } from "@halon/paxos";
import { type AppliedPosition, readPosition, verifyState } from "./applied-state.ts";
import { assertWhole, type StationDirectory } from "./station-directory.ts";

/** What can be recovered from directories. */
export interface RecoveryPlan {
  readonly recovery: Recovery;
  /** Nothing that was ever acknowledged can be missing. */
  readonly isComplete: boolean;
  readonly positions: readonly AppliedPosition[];
  /** Whose applied state is taken over; undefined: the decrees begin with the first. */
  readonly state: StationDirectory | undefined;
  /** Number of the last decree in that state. */
  readonly from: number;
  /** Number of the last decree that is kept. */
  readonly last: number;
}

/**
 * Looks what the directories have; nobody else may have them open. Throws OfflineError for a damaged journal, RecoveryError
 * when a decree is nowhere to be had.
 */
export async function planRecovery(stations: readonly StationDirectory[]): Promise<RecoveryPlan> {
  for (const station of stations) assertWhole(station);
  const positions: AppliedPosition[] = [];
  for (const station of stations) positions.push(await readPosition(station));
  const furthest = await furthestSound(positions);
  const from = furthest?.applied ?? 0;
  const recovery = recover(
    stations.map(({ witness }) => witness),
    from,
    furthest?.membership,
  );
  const last = from + recovery.decrees.size;
  return { recovery, isComplete: isComplete(recovery), positions, state: furthest?.station, from, last };
}

/** Replaces what it finds to be damaged in `positions`, too. */
async function furthestSound(positions: AppliedPosition[]): Promise<AppliedPosition | undefined> {
  const inOrder = [...positions].sort((a, b) => b.applied - a.applied);
  for (const position of inOrder) {
    if (position.applied === 0) return undefined;
    const verified = await verifyState(position);
    positions[positions.indexOf(position)] = verified;
    if (verified.applied > 0) return verified;
  }
  return undefined;
}

/** Of the two that have to be present in sufficient number, those that are not. */
export const lackingOf = ({
  recovery,
}: RecoveryPlan): readonly {
  membership: Membership;
  present: readonly string[];
  missing: readonly string[];
  neededCount: number;
}[] =>
  [recovery, recovery.pending].flatMap((each) =>
    each !== undefined && each.present.length < each.neededCount ? [each] : [],
  );
