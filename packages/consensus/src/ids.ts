/**
 * Name of an acceptor of a group: a name of 1 to 64 characters of `A-Z a-z 0-9 _ -`, and, where its storage can be
 * lost and replaced, a dot and the incarnation of that storage, 1 to 16 characters of `a-z 0-9`: `station-1.9f3a01bc`.
 * A new incarnation is another member: what the old one has promised does not bind it, and its votes are its own.
 */
export type MemberId = string;

/** True when `text` can name a member. */
export const isMemberId = (text: string): text is MemberId => /^[A-Za-z0-9_-]{1,64}(?:\.[a-z0-9]{1,16})?$/.test(text);

/** The name alone: the same for all incarnations. */
export const memberName = (member: MemberId): string => {
  const dot = member.indexOf(".");
  return dot < 0 ? member : member.slice(0, dot);
};

/** One agreed log entry. Numbers count from 1 and go on through all legislatures. */
export interface DecreeId {
  readonly legislature: number;
  readonly number: number;
}
