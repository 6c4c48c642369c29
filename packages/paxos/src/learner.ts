import { assert, type Ballot, compareBallots, type MemberId } from "@halon/consensus";
import { decodeRecord } from "./codec.ts";
import { LEARN_PAGES_MAX, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, READS_MAX } from "./config.ts";
import { enterLegislature } from "./legislature.ts";
import type { Content, MessageOf } from "./message.ts";
import { membershipOf, type PaxosState, persist, send, setTimer, type Turn } from "./state.ts";

/** Records asked of the journal at a time, to deliver or to teach. */
const READ_RECORDS_MAX = 16;

/**
 * The leader of `ballot` says that all decrees up to `chosen` are. One that was accepted here in the same ballot has the
 * chosen value, as a ballot has one value per decree; another may not, and is learned.
 */
export function noteChosen(turn: Turn, from: MemberId, ballot: Ballot, chosen: number): void {
  const { state } = turn;
  if (compareBallots(ballot, state.told.ballot) > 0 || chosen > state.told.chosen) state.told = { ballot, chosen };
  noteAhead(turn, from, chosen);
}

/** Somebody knows that all decrees up to `chosen` are. */
export function noteAhead(turn: Turn, from: MemberId, chosen: number): void {
  const { state } = turn;
  state.knownChosen = Math.max(state.knownChosen, chosen);
  takeTold(turn);
  if (state.table.chosen < state.knownChosen && !state.learning) askToLearn(turn, from);
}

function takeTold(turn: Turn): void {
  const { table, told } = turn.state;
  while (table.chosen < told.chosen) {
    const held = table.open(table.chosen + 1);
    if (held === undefined || compareBallots(held.ballot, told.ballot) !== 0) break;
    choose(turn);
  }
}

/** The next decree is chosen, with what is held for it. */
export function choose(turn: Turn): void {
  const { state } = turn;
  const { members } = state.table.choose();
  state.knownChosen = Math.max(state.knownChosen, state.table.chosen);
  if (members !== undefined) enterLegislature(turn, members, state.table.chosen);
  deliver(turn);
}

/** Gives out chosen decrees in order, from memory, else from the journal, one read at a time. */
export function deliver(turn: Turn): void {
  const { state } = turn;
  const { table } = state;
  while (state.lacking === undefined && state.delivered < table.chosen) {
    const content = table.cached(state.delivered + 1);
    if (content !== undefined) give(turn, content);
    else if (state.delivered < table.trimmed) return lack(turn, undefined);
    else {
      if (![...state.reads.values()].some((read) => read.to === undefined))
        read(turn, undefined, state.delivered + 1, Math.min(table.chosen, state.delivered + READ_RECORDS_MAX));
      return;
    }
  }
}

function give({ state, out }: Turn, { value, members }: Content): void {
  const number = ++state.delivered;
  const begun = members && state.legislatures.find(({ first }) => first === number + 1);
  assert(members === undefined || begun !== undefined, `stop sign ${number} has begun no legislature`);
  out.push({ kind: "decided", number, value, ...(begun && { membership: begun.membership }) });
}

/** No decrees help any more: the applied state has to be taken over from somebody. */
export function lack(turn: Turn, from: MemberId | undefined): void {
  const { state } = turn;
  const known = from ?? state.lacking?.from;
  state.lacking = { from: known };
  state.learning = true;
  if (known !== undefined) turn.out.push({ kind: "behind", from: known });
  setTimer(turn, "learn", turn.nowMs + state.config.resendMs);
}

function read(turn: Turn, to: MemberId | undefined, from: number, through: number): void {
  const { state } = turn;
  const seqs: number[] = [];
  for (let number = from; number <= through; number++) seqs.push(state.table.seqOf(number));
  state.reads.set(++state.readToken, { to, from, lowestSeq: Math.min(...seqs) });
  turn.out.push({ kind: "read", token: state.readToken, seqs });
}

export function onRecords(turn: Turn, token: number, records: readonly Uint8Array[]): void {
  const { state } = turn;
  const asked = state.reads.get(token);
  assert(asked !== undefined, `records for read ${token}, which was not asked for`);
  state.reads.delete(token);
  const contents = records.map((bytes, at): Content => {
    const record = decodeRecord(bytes);
    const number = asked.from + at;
    assert(
      (record.kind === "accepted" || record.kind === "learned") && record.number === number,
      `record of decree ${number} is ${record.kind}`,
    );
    return record;
  });
  if (asked.to !== undefined) return teach(turn, asked.to, asked.from, contents);
  for (const [at, content] of contents.entries())
    if (state.lacking === undefined && asked.from + at === state.delivered + 1) give(turn, content);
  deliver(turn);
}

/** Asks a peer for what is missing. Repeated by timer, then of the next member, until nothing is. */
export function askToLearn(turn: Turn, from: MemberId): void {
  const { state } = turn;
  state.learning = true;
  if (!state.isFull) send(turn, from, { kind: "learnRequest", from: state.table.chosen + 1 });
  setTimer(turn, "learn", turn.nowMs + state.config.resendMs);
}

export function onLearnTimer(turn: Turn, random: number): void {
  const { state } = turn;
  state.learning = false;
  if (state.role.kind === "leader" && state.lacking === undefined) return;
  const others = (membershipOf(state)?.members ?? []).filter((member) => member !== state.config.self);
  const target = others[Math.floor(random * others.length)];
  // Those who were members may all be gone; who was heard last is there.
  if (state.lacking !== undefined) lack(turn, state.lacking.from === undefined || random < 0.5 ? target : undefined);
  else if (target !== undefined && state.table.chosen < state.knownChosen) askToLearn(turn, target);
}

export function onLearnRequest(turn: Turn, from: MemberId, { from: first }: MessageOf<"learnRequest">): void {
  const { state } = turn;
  const { table } = state;
  if (first < 1 || first > table.chosen) return;
  if (table.cached(first) !== undefined) {
    const contents: Content[] = [];
    for (let number = first; number <= table.chosen && contents.length < PAGE_ENTRIES_MAX * LEARN_PAGES_MAX; number++)
      contents.push(table.cached(number) as Content);
    teach(turn, from, first, contents);
  } else if (first <= table.trimmed) {
    send(turn, from, { kind: "learnTrimmed", trimmed: table.trimmed, chosen: table.chosen });
  } else if (state.reads.size < READS_MAX) {
    read(turn, from, first, Math.min(table.chosen, first + READ_RECORDS_MAX - 1));
  } else state.refused++;
}

/** Several pages at once: who learns less for each way there and back than is decided meanwhile never catches up. */
function teach(turn: Turn, to: MemberId, from: number, contents: readonly Content[]): void {
  const { chosen } = turn.state.table;
  let next = 0;
  for (let page = 1; page <= LEARN_PAGES_MAX && next < contents.length; page++) {
    const first = next;
    for (let bytes = 0; next < contents.length && next - first < PAGE_ENTRIES_MAX; next++) {
      bytes += contents[next]?.value.byteLength ?? 0;
      if (next > first && bytes > PAGE_BYTES_MAX) break;
    }
    const more = page < LEARN_PAGES_MAX && next < contents.length;
    send(turn, to, { kind: "learnReply", from: from + first, values: contents.slice(first, next), chosen, more });
  }
}

/** Takes over chosen values from a peer, in order; what is held already is skipped. */
export function onLearnReply(turn: Turn, from: MemberId, message: MessageOf<"learnReply">): void {
  const { state } = turn;
  const { table } = state;
  if (state.role.kind === "leader" || membershipOf(state) === undefined || state.isFull) return;
  const before = table.chosen;
  state.knownChosen = Math.max(state.knownChosen, message.chosen);
  for (const [at, { value, members }] of message.values.entries()) {
    const number = message.from + at;
    if (number !== table.chosen + 1) continue;
    const seq = persist(turn, { kind: "learned", number, value, members });
    table.accept(number, { ballot: state.promised, value, members, seq });
    choose(turn);
  }
  takeTold(turn);
  if (table.chosen >= state.knownChosen) endLearning(turn);
  else if (table.chosen > before && state.lacking === undefined) {
    // A copy of an answer, or a late one, brings nothing: asking on after each would double the traffic with each copy.
    if (message.more) setTimer(turn, "learn", turn.nowMs + state.config.resendMs);
    else askToLearn(turn, from);
  }
}

function endLearning(turn: Turn): void {
  if (turn.state.lacking !== undefined) return;
  turn.state.learning = false;
  setTimer(turn, "learn", undefined);
}

/** Another may still keep what this one does not. Only when nobody does, the state itself has to be taken over. */
export function onLearnTrimmed(turn: Turn, from: MemberId, { trimmed, chosen }: MessageOf<"learnTrimmed">): void {
  const { state } = turn;
  state.knownChosen = Math.max(state.knownChosen, chosen);
  if (state.table.chosen >= trimmed || !isLearning(state) || state.lacking !== undefined) return;
  if (state.without.chosen !== state.table.chosen)
    state.without = { chosen: state.table.chosen, members: new Set([state.config.self]) };
  const { members } = state.without;
  const isRepeated = members.has(from);
  members.add(from);
  const other = membershipOf(state)?.members.find((member) => !members.has(member));
  if (other === undefined || isRepeated) lack(turn, from);
  else askToLearn(turn, other);
}

/** A copy of an old answer must not make a leader, or one who has caught up, throw away what it has. */
const isLearning = ({ role, learning }: PaxosState): boolean => learning && role.kind !== "leader";
