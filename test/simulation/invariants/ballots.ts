import { type Ballot, compareBallots } from "@halon/consensus";

const parsed = new Map<string, Ballot>();
/** Ballots of one run are few; of many runs in one process they are not. */
const PARSED_MAX = 10_000;

/** What `formatBallot` has written. */
function parseBallot(text: string): Ballot {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const dot = text.indexOf(".");
  const member = text.slice(dot + 1);
  const ballot = { round: Number(text.slice(0, dot)), member: member === "-" ? "" : member };
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(text, ballot);
  return ballot;
}

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export const compareBallotTexts = (a: string, b: string): number =>
  a === b ? 0 : compareBallots(parseBallot(a), parseBallot(b));
