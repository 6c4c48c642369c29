import { type Ballot, compareBallots, formatBallot, type MemberId, type Membership } from "@halon/consensus";
import { encodeRecord } from "./codec.ts";
import { FENCE_ROUND } from "./config.ts";
import type { Base, Content } from "./message.ts";
import { next, Restored, type RestoredDecree } from "./restore.ts";
import type { Legislature } from "./state.ts";

/** A record as it stands in a journal. */
export interface StoredRecord {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Journals that contradict each other, or lack what is asked of them. The message names the decrees. */
export class RecoveryError extends Error {
  override readonly name = "RecoveryError";
}

/** What the journal of a member that does not run tells. */
export interface Witness {
  readonly member: MemberId;
  /** Undefined: it never had a vote. */
  readonly base: Base | undefined;
  /** It knows all decrees up to this one to be chosen, those above `base.number` by value. */
  readonly chosen: number;
  readonly promised: Ballot;
  /** Those above `base.number` that it holds. */
  readonly decrees: ReadonlyMap<number, RestoredDecree>;
}

/** Reads a whole journal. Throws PaxosCodecError on a record that is none. */
export function readWitness(member: MemberId, records: Iterable<StoredRecord>): Witness {
  const restored = new Restored({ keepsValues: true });
  for (const { bytes, seq } of records) restored.take(bytes, seq);
  const { base, chosen, promised, decrees } = restored;
  return { member, base, chosen, promised, decrees };
}

/** The decrees that one of the witnesses knows to be chosen, in order. Throws {@link RecoveryError} when two contradict. */
export function decidedOf(witnesses: readonly Witness[]): ReadonlyMap<number, Content> {
  const decided = new Map<number, { readonly content: Content; readonly member: MemberId }>();
  for (const { member, chosen, decrees } of witnesses)
    for (const [number, { value, members }] of decrees) {
      if (number > chosen || value === undefined) continue;
      const known = decided.get(number);
      if (known !== undefined && !isSame(known.content, { value, members }))
        throw new RecoveryError(`decree ${number} differs between ${known.member} and ${member}: one of them lies`);
      if (known === undefined) decided.set(number, { content: { value, members }, member });
    }
  return new Map([...decided].sort(([a], [b]) => a - b).map(([number, { content }]) => [number, content]));
}

const isSame = (a: Content, b: Content): boolean =>
  String(a.members) === String(b.members) &&
  a.value.byteLength === b.value.byteLength &&
  a.value.every((byte, at) => byte === b.value[at]);

/**
 * Records that `witness` lacks so as to know all that is decided, in the order in which they are to be appended. They end
 * before the first decree that nobody has by value any more.
 */
export function recordsToSync(witness: Witness, decided: ReadonlyMap<number, Content>): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  if (witness.base === undefined) return records;
  for (let number = witness.chosen + 1; ; number++) {
    const content = decided.get(number);
    if (content === undefined) return records;
    records.push(encodeRecord({ kind: "learned", number, ...content }));
  }
}

/**
 * A promise that no ballot is above. A member with it in its journal accepts nothing more and never stands: it is fenced.
 * Appended to at least half of the members' journals, durably, it ends the old group for good, as no quorum is without one.
 */
export const fencingRecord = (): Uint8Array =>
  encodeRecord({ kind: "promised", ballot: { round: FENCE_ROUND, member: "" } });

/** Who of a membership is among the witnesses. */
export interface Attendance {
  readonly membership: Membership;
  readonly present: readonly MemberId[];
  readonly missing: readonly MemberId[];
  /** So many must be present that nothing acknowledged can be missed: half of the members, rounded up. */
  readonly neededCount: number;
}

/** Of the legislature in force, as far as the witnesses know. */
export interface Recovery extends Attendance {
  /**
   * Of the one that begins behind the last of `decrees`, a stop sign that was accepted and is not known to be chosen: if it
   * was, these may have decided since, so that enough of them are needed too. Undefined: there is no such stop sign.
   */
  readonly pending: Attendance | undefined;
  /** All decrees behind `from` that were decided, or may have been. Contiguous. Stop signs are empty: their time is over. */
  readonly decrees: ReadonlyMap<number, Uint8Array>;
  /** Highest number that somebody knows to be chosen. What is kept up to there is what was decided, whoever is missing. */
  readonly knownChosen: number;
}

/** Nothing that was ever acknowledged can be missing. */
export const isComplete = (recovery: Recovery): boolean =>
  [recovery, recovery.pending].every((each) => each === undefined || each.present.length >= each.neededCount);

/**
 * What a phase 1 among the witnesses, which are fenced, brings up for a state that has applied all up to `from` and says
 * that `stated` is in force: per decree the value of the highest ballot. When it {@link isComplete} nothing that was ever
 * acknowledged is missing, as any quorum had one of them. Throws {@link RecoveryError} when a decree up to the highest
 * known to be chosen is nowhere to be had: what others accepted under its number need not be what was chosen.
 */
export function recover(witnesses: readonly Witness[], from: number, stated?: Membership): Recovery {
  const decided = decidedOf(witnesses);
  const known = inForce(witnesses, decided);
  const membership = stated !== undefined && stated.legislature > known.legislature ? stated : known;
  const knownChosen = Math.max(from, ...witnesses.map(({ chosen }) => chosen));
  const decrees = new Map<number, Uint8Array>();
  let stopSign: readonly MemberId[] | undefined;
  for (let number = from + 1; stopSign === undefined; number++) {
    const isOpen = number > knownChosen;
    const content = isOpen ? highestOf(witnesses, number, membership.legislature) : decided.get(number);
    if (content === undefined && isOpen) break;
    if (content === undefined) throw missing(witnesses, number, knownChosen);
    decrees.set(number, content.members === undefined ? content.value : new Uint8Array(0));
    // Nothing follows a stop sign that is not known to be chosen.
    if (isOpen) stopSign = content.members;
  }
  const pending = stopSign && { legislature: membership.legislature + 1, members: stopSign };
  return {
    ...attendance(witnesses, membership),
    pending: pending && attendance(witnesses, pending),
    decrees,
    knownChosen,
  };
}

/** A journal that says of nobody that he decides has no promises to tell: it counts for nothing. */
function attendance(witnesses: readonly Witness[], membership: Membership): Attendance {
  const { members } = membership;
  const present = members.filter((id) => witnesses.some(({ member, base }) => member === id && base !== undefined));
  return {
    membership,
    present,
    missing: members.filter((id) => !present.includes(id)),
    neededCount: Math.ceil(members.length / 2),
  };
}

function missing(witnesses: readonly Witness[], number: number, knownChosen: number): RecoveryError {
  const tellers = witnesses.filter(({ chosen }) => chosen >= number).map(({ member }) => member);
  return new RecoveryError(
    `decree ${number} is missing, though all up to ${knownChosen} were decided, as ${tellers.join(", ")} says: ` +
      "it was trimmed there, and the applied state that has it is not among these. Add the directory of another member, with its applied state",
  );
}

/** What was accepted in an earlier legislature is void: only the one in force counts. */
function highestOf(witnesses: readonly Witness[], number: number, legislature: number): Content | undefined {
  let highest: RestoredDecree | undefined;
  for (const { decrees } of witnesses) {
    const held = decrees.get(number);
    if (held?.value === undefined || held.legislature !== legislature) continue;
    if (highest === undefined || compareBallots(held.ballot, highest.ballot) > 0) highest = held;
  }
  return highest?.value === undefined ? undefined : { value: highest.value, members: highest.members };
}

/** The newest membership that any of the witnesses knows. */
function inForce(witnesses: readonly Witness[], decided: ReadonlyMap<number, Content>): Membership {
  let newest: Legislature | undefined;
  for (const { base } of witnesses) {
    if (base === undefined) continue;
    const legislatures: Legislature[] = [{ membership: base.membership, first: base.number + 1 }];
    for (let number = base.number + 1; decided.has(number); number++) {
      const members = decided.get(number)?.members;
      if (members !== undefined) legislatures.push(next(legislatures, members, number));
    }
    const last = legislatures.at(-1) as Legislature;
    if (newest === undefined || last.membership.legislature > newest.membership.legislature) newest = last;
  }
  if (newest === undefined) throw new RecoveryError("none of these directories has ever been a member's");
  return newest.membership;
}

/**
 * The journal of the first member of the group that goes on from there, in order: it knows `recovery.decrees` to be
 * decided, on top of a state that has applied all up to `from`.
 */
export function foundingRecords(recovery: Recovery, from: number, members: readonly MemberId[]): readonly Uint8Array[] {
  const membership: Membership = { legislature: recovery.membership.legislature + 2, members };
  const promised: Ballot = { round: 0, member: "" };
  const records = [encodeRecord({ kind: "base", number: from, membership, promised, boot: 0 })];
  for (const [number, value] of recovery.decrees) records.push(encodeRecord({ kind: "learned", number, value }));
  return records;
}

/** Of each decided decree, the legislature that decided it. */
export function legislaturesOf(
  witnesses: readonly Witness[],
  decided: ReadonlyMap<number, Content>,
): ReadonlyMap<number, number> {
  const bases = new Map(witnesses.flatMap(({ base }) => (base === undefined ? [] : [[base.number, base.membership]])));
  const legislatures = new Map<number, number>();
  let legislature = 0;
  // Whoever knows a decree holds all of them from its base on: after a gap there is a base.
  for (const [number, { members }] of decided) {
    legislature = bases.get(number - 1)?.legislature ?? legislature;
    legislatures.set(number, legislature);
    if (members !== undefined) legislature++;
  }
  return legislatures;
}

/** For people: one line of what a witness tells. */
export const describeWitness = ({ member, base, chosen, promised, decrees }: Witness): string =>
  base === undefined
    ? `${member}: has never had a vote`
    : `${member}: legislature ${base.membership.legislature} behind ${base.number}, chosen ${chosen}, accepted ${Math.max(chosen, ...decrees.keys())}, promised ${formatBallot(promised)}`;
