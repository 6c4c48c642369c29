import { assert, type Ballot, compareBallots, type MemberId } from "@halon/consensus";
import { decodeRecord } from "./codec.ts";
import { PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, READS_MAX } from "./config.ts";
import type { PaxosMessage } from "./message.ts";
import { persist, send, setTimer, type Turn } from "./state.ts";

type Message<K extends PaxosMessage["kind"]> = PaxosMessage & { kind: K };

/** Records asked of the journal at a time, to deliver or to teach. */
const READ_RECORDS_MAX = 16;

/**
 * The leader of `ballot` says that all decrees up to `chosen` are. One that was accepted here in the same ballot has the
 * chosen value, as a ballot has one value per decree; another may not, and is learned.
 */
export function noteChosen(turn: Turn, from: MemberId, ballot: Ballot, chosen: number): void {
  const { state } = turn;
  state.knownChosen = Math.max(state.knownChosen, chosen);
  if (compareBallots(ballot, state.told.ballot) > 0 || chosen > state.told.chosen) state.told = { ballot, chosen };
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

/** The next decree is chosen, with the value held for it. */
export function choose(turn: Turn): void {
  const { state } = turn;
  state.table.choose();
  state.knownChosen = Math.max(state.knownChosen, state.table.chosen);
  deliver(turn);
}

/** Gives out chosen decrees in order, from memory, else from the journal, one read at a time. */
export function deliver(turn: Turn): void {
  const { state } = turn;
  while (state.delivered < state.table.chosen) {
    const value = state.table.cached(state.delivered + 1);
    if (value === undefined) {
      if (![...state.reads.values()].some((read) => read.to === undefined))
        read(turn, undefined, state.delivered + 1, Math.min(state.table.chosen, state.delivered + READ_RECORDS_MAX));
      return;
    }
    turn.out.push({ kind: "decided", number: ++state.delivered, value });
  }
}

function read(turn: Turn, to: MemberId | undefined, from: number, through: number): void {
  const { state } = turn;
  const seqs: number[] = [];
  for (let number = from; number <= through; number++) seqs.push(state.table.seqOf(number));
  state.reads.set(++state.readToken, { to, from });
  turn.out.push({ kind: "read", token: state.readToken, seqs });
}

export function onRecords(turn: Turn, token: number, records: readonly Uint8Array[]): void {
  const { state } = turn;
  const asked = state.reads.get(token);
  assert(asked !== undefined, `records for read ${token}, which was not asked for`);
  state.reads.delete(token);
  const values = records.map((bytes, at) => {
    const record = decodeRecord(bytes);
    const number = asked.from + at;
    assert(record.kind !== "promised" && record.number === number, `record of decree ${number} is ${record.kind}`);
    return record.value;
  });
  if (asked.to !== undefined) return teach(turn, asked.to, asked.from, values);
  for (const [at, value] of values.entries())
    if (asked.from + at === state.delivered + 1) turn.out.push({ kind: "decided", number: ++state.delivered, value });
  deliver(turn);
}

/** Asks a peer for what is missing. Repeated by timer, then of the next member, until nothing is. */
export function askToLearn(turn: Turn, from: MemberId): void {
  const { state } = turn;
  state.learning = true;
  send(turn, from, { kind: "learnRequest", from: state.table.chosen + 1 });
  setTimer(turn, "learn", turn.nowMs + state.config.resendMs);
}

export function onLearnTimer(turn: Turn, random: number): void {
  const { state } = turn;
  state.learning = false;
  if (state.role.kind === "leader" || state.table.chosen >= state.knownChosen) return;
  const others = state.config.membership.members.filter((member) => member !== state.config.self);
  const target = others[Math.floor(random * others.length)];
  if (target !== undefined) askToLearn(turn, target);
}

export function onLearnRequest(turn: Turn, from: MemberId, { from: first }: Message<"learnRequest">): void {
  const { state } = turn;
  const { table } = state;
  if (first < 1 || first > table.chosen) return;
  if (table.cached(first) === undefined) {
    if (state.reads.size < READS_MAX) read(turn, from, first, Math.min(table.chosen, first + READ_RECORDS_MAX - 1));
    else state.refused++;
    return;
  }
  const values: Uint8Array[] = [];
  for (let number = first; number <= table.chosen && values.length < PAGE_ENTRIES_MAX; number++)
    values.push(table.cached(number) as Uint8Array);
  teach(turn, from, first, values);
}

function teach(turn: Turn, to: MemberId, from: number, values: readonly Uint8Array[]): void {
  let bytes = 0;
  let count = 0;
  while (count < values.length) {
    bytes += (values[count] as Uint8Array).byteLength;
    if (count > 0 && bytes > PAGE_BYTES_MAX) break;
    count++;
  }
  send(turn, to, { kind: "learnReply", from, values: values.slice(0, count), chosen: turn.state.table.chosen });
}

/** Takes over chosen values from a peer, in order; what is held already is skipped. */
export function onLearnReply(turn: Turn, from: MemberId, message: Message<"learnReply">): void {
  const { state } = turn;
  const { table } = state;
  if (state.role.kind === "leader") return;
  const before = table.chosen;
  state.knownChosen = Math.max(state.knownChosen, message.chosen);
  for (const [at, value] of message.values.entries()) {
    const number = message.from + at;
    if (number !== table.chosen + 1) continue;
    const seq = persist(turn, { kind: "learned", number, value });
    table.accept(number, { ballot: state.promised, value }, seq);
    choose(turn);
  }
  takeTold(turn);
  if (table.chosen >= state.knownChosen) {
    state.learning = false;
    setTimer(turn, "learn", undefined);
    // A copy of an answer, or a late one, brings nothing: asking on after each would double the traffic with each copy.
  } else if (table.chosen > before) askToLearn(turn, from);
}
