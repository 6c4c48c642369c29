/** Name of a member of a group: 1 to 64 characters of `A-Z a-z 0-9 _ -`. */
export type MemberId = string;

/** True when `text` can name a member. */
export const isMemberId = (text: string): text is MemberId => /^[A-Za-z0-9_-]{1,64}$/.test(text);

/** One agreed log entry. Numbers count from 1 and go on through all legislatures. */
export interface DecreeId {
  readonly legislature: number;
  readonly number: number;
}
