import { type MemberId, type Membership, memberName } from "@halon/consensus";
import { type Identity, memberOf } from "./identity.ts";

/** What a station needs to know of itself to say whether it votes. */
export interface Situation {
  readonly identity: Pick<Identity, "name" | "incarnation" | "stage">;
  readonly isRejoining: boolean;
  readonly membership: Membership | undefined;
  readonly disowned: ReadonlyMap<MemberId, string>;
  readonly leader: MemberId | undefined;
  /** Why it was not made a member when it last asked; empty when it was not refused. */
  readonly refusal: string;
}

export type Standing =
  | { readonly kind: "votes"; readonly why?: string }
  /** Peers do not believe it: it has to stop. */
  | { readonly kind: "disowned"; readonly why: string }
  /** It may ask to take the place of `instead`, an earlier incarnation of itself. */
  | { readonly kind: "joins"; readonly instead: MemberId; readonly why: string }
  /** It follows, and has no vote. */
  | { readonly kind: "learns"; readonly why: string };

/** Whether this station votes, and if not why, and what to do about it. */
export function standingOf({ identity, isRejoining, membership, disowned, leader, refusal }: Situation): Standing {
  const { name, stage } = identity;
  const self = memberOf(identity);
  const why = disowned.get(self);
  if (why !== undefined)
    return {
      kind: "disowned",
      why: `this directory has no vote any more: ${why}. "station-replica adopt" lets a directory join its group as a new incarnation`,
    };
  if (membership === undefined)
    return { kind: "learns", why: "it has not learnt yet who the members are: a majority of the stations has to run" };
  const { members } = membership;
  if (members.includes(self)) return leader === undefined ? { kind: "votes", why: mute(members) } : { kind: "votes" };
  const instead = members.find((member) => memberName(member) === name);
  if (instead === undefined)
    return {
      kind: "learns",
      why: `${name} is not a member of ${names(members)}: it follows, and does not vote. To make it one: halonctl station add ${name}`,
    };
  if (stage !== "joining")
    return {
      kind: "learns",
      why: `${self} was replaced by ${instead}: this directory has no vote any more. If no other station runs as ${name}, "station-replica adopt" lets it join anew`,
    };
  if (!isRejoining)
    return {
      kind: "learns",
      why: `it may not take the place of ${instead} by itself (rejoin is off): halonctl station replace ${name} ${name}`,
    };
  const last = refusal === "" ? "" : `. Last answer: ${refusal}`;
  return { kind: "joins", instead, why: `it joins as ${self} in the place of ${instead}${last}` };
}

const names = (members: readonly MemberId[]): string => members.map(memberName).join(", ");

const mute = (members: readonly MemberId[]): string =>
  `no leader: a majority of ${names(members)} has to run and be connected. A station that was wiped is no longer one of ` +
  "them until the others have let it in; if a majority is lost for good: halonctl station recover";
