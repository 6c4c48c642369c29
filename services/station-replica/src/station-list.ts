import { type MemberId, memberName } from "@halon/consensus";
import type { StationNotice } from "@halon/proto";

/** One station, as another one knows it. */
export interface StationView {
  readonly node: string;
  readonly member: MemberId;
  readonly votes: boolean;
  /** Empty: not heard lately. */
  readonly role: string;
  readonly applied: number;
}

/** Those who vote, and those who were heard; by node. */
export function stationList(members: readonly MemberId[], heard: readonly StationNotice[]): readonly StationView[] {
  const views = new Map<MemberId, StationView>();
  for (const member of members)
    views.set(member, { node: memberName(member), member, votes: true, role: "", applied: 0 });
  for (const { member, role, applied } of heard)
    views.set(member, { node: memberName(member), member, votes: members.includes(member), role, applied });
  return [...views.values()].sort((a, b) => (a.member < b.member ? -1 : 1));
}
