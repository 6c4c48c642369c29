import {
  type ConsensusStatus,
  MEMBERS_MAX,
  type MemberId,
  type Membership,
  memberName,
  quorumSize,
} from "@halon/consensus";
import type { Reconfigure } from "./codec.ts";
import { type Refusal, refuse } from "./command.ts";

/** A member that joins may lack so many decrees at most. */
export const LAG_DECREES_MAX = 256;
/** A leader that has led for less may not have heard yet from a member that lives. */
export const LISTEN_MS = 2_000;

/** What a leader knows when it is asked to change who votes. */
export interface Situation extends Pick<ConsensusStatus, "chosen" | "progress"> {
  readonly self: MemberId;
  readonly membership: Membership;
  readonly ledMs: number;
}

export type Plan =
  | { readonly kind: "propose"; readonly members: readonly MemberId[] }
  | { readonly kind: "unchanged" }
  | Refusal;

/**
 * Who is to vote after `request`. Refused, in this order:
 * - `malformed`: it names nobody, or one member twice.
 * - `conflict`: the member to be added votes already under another incarnation, which has to be removed with it; or there
 *   would be more members than a group may have.
 * - `last-member`: nobody would be left.
 * - `in-use`: with `onlyIfSilent`, the member to be removed was heard, or this leader has not listened for long enough.
 * - `not-caught-up`: the member to be added is not heard, or lacks too much: its vote would hold up all others.
 * - `no-quorum`: too few of those who would vote are heard: nothing could be decided any more.
 */
export function planReconfiguration(request: Reconfigure, situation: Situation): Plan {
  const { add, remove, onlyIfSilent = false } = request;
  if ((add === undefined && remove === undefined) || add === remove)
    return refuse("malformed", "a reconfiguration adds a member, removes one, or replaces one by another: name them");
  const { members } = situation.membership;
  const isRemoving = remove !== undefined && members.includes(remove);
  const isAdding = add !== undefined && !members.includes(add);
  if (!isRemoving && !isAdding) return { kind: "unchanged" };
  const kept = members.filter((member) => member !== remove);
  const refusal =
    (isAdding ? refuseConflict(add, kept) : undefined) ??
    (isRemoving && onlyIfSilent ? refuseInUse(remove, situation) : undefined) ??
    (isAdding ? refuseLagging(add, situation) : undefined);
  if (refusal !== undefined) return refusal;
  const next = isAdding ? [...kept, add].sort() : kept;
  if (next.length === 0)
    return refuse("last-member", `${remove} is the only member: without it nothing can be decided; add another first`);
  return refuseMute(next, situation) ?? { kind: "propose", members: next };
}

function refuseConflict(add: MemberId, kept: readonly MemberId[]): Refusal | undefined {
  const other = kept.find((member) => memberName(member) === memberName(add));
  if (other !== undefined)
    return refuse("conflict", `${memberName(add)} votes as ${other}: remove that in the same reconfiguration`);
  if (kept.length < MEMBERS_MAX) return undefined;
  return refuse("conflict", `${kept.length} members: at most ${MEMBERS_MAX} are allowed; remove one first`);
}

function refuseInUse(remove: MemberId, { self, progress, ledMs }: Situation): Refusal | undefined {
  if (remove === self || progress.has(remove))
    return refuse("in-use", `${remove} is heard: stop it first, or remove it whether it is heard or not`);
  if (ledMs >= LISTEN_MS) return undefined;
  return refuse("in-use", `${remove} may be alive: ${self} has not led for ${LISTEN_MS} ms yet; try again`);
}

function refuseLagging(add: MemberId, { chosen, progress }: Situation): Refusal | undefined {
  const has = progress.get(add);
  if (has === undefined) return refuse("not-caught-up", `${add} is not heard: start it, let it learn, then try again`);
  if (has >= chosen - LAG_DECREES_MAX) return undefined;
  return refuse("not-caught-up", `${add} has decree ${has} of ${chosen}: it learns; try again`);
}

function refuseMute(next: readonly MemberId[], { self, progress }: Situation): Refusal | undefined {
  const mute = next.filter((member) => member !== self && !progress.has(member));
  const quorum = quorumSize({ legislature: 0, members: next });
  if (next.length - mute.length >= quorum) return undefined;
  return refuse(
    "no-quorum",
    `of ${next.join(", ")}, ${quorum} are needed to decide anything, and ${mute.join(", ")} are not heard: start them, or remove them first`,
  );
}
