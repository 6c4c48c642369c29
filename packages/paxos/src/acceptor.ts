import { assert, compareBallots, formatBallot, type MemberId } from "@halon/consensus";
import { OPEN_ENTRIES_MAX, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX } from "./config.ts";
import { noteChosen } from "./learner.ts";
import type { Entry, MessageOf } from "./message.ts";
import { becomeFollower, heardLeader } from "./reign.ts";
import { isMember, membershipOf, noteBallot, type PaxosState, persist, promise, send, type Turn } from "./state.ts";

/**
 * Whether this acceptor is free to have `from` for a leader: no other holds a lease by its grant, and none can hold one by
 * a grant of an earlier life. Where it is the only member no other can.
 */
export function isFree({ state, nowMs }: Turn, from: MemberId): boolean {
  const { grant, silentUntilMs } = state;
  if (membershipOf(state)?.members.length === 1) return true;
  return nowMs >= silentUntilMs && (grant === undefined || grant.to === from || nowMs >= grant.untilMs);
}

/**
 * Phase 0: says whether a Prepare would be answered, and what it would have to be above. Not while another that was just
 * promised its ballot may be about to lead: it would be deposed as soon as it does.
 */
export function onProbe(turn: Turn, from: MemberId): void {
  const { state, nowMs } = turn;
  const isAwaited = nowMs < state.promisedAtMs + state.config.heartbeatMs && from !== state.promised.member;
  if (isFree(turn, from) && !isAwaited) send(turn, from, { kind: "probeOk", promised: state.highestSeen });
}

/**
 * Phase 1b. A promise made is a promise kept: it is durable before the answer leaves, and no lower ballot is accepted
 * from then on. While another's lease may last, a Prepare is not answered, and its ballot not recorded.
 */
export function onPrepare(turn: Turn, from: MemberId, { ballot, from: first }: MessageOf<"prepare">): void {
  const { state } = turn;
  if (!isFree(turn, from)) return;
  const order = compareBallots(ballot, state.promised);
  if (order < 0) return send(turn, from, { kind: "refused", promised: state.promised });
  const { role } = state;
  if ((role.kind === "leader" || role.kind === "candidate") && compareBallots(ballot, role.ballot) > 0)
    if (from !== state.config.self) becomeFollower(turn);
  if (order > 0) {
    state.promisedAtMs = turn.nowMs;
    persist(turn, { kind: "promised", ballot });
    promise(state, ballot);
    state.early.clear();
  }
  send(turn, from, openSuffix(turn, ballot, first), true);
}

/** What this acceptor has accepted and does not know to be chosen, one page of it. */
function openSuffix({ state }: Turn, ballot: MessageOf<"prepareOk">["ballot"], first: number): MessageOf<"prepareOk"> {
  const { table } = state;
  const entries: Entry[] = [];
  const highest = table.highest;
  let bytes = 0;
  let more = false;
  for (let number = Math.max(first, table.chosen + 1); number <= highest; number++) {
    const held = table.open(number);
    if (held === undefined) continue;
    more = entries.length >= PAGE_ENTRIES_MAX || (entries.length > 0 && bytes + held.value.byteLength > PAGE_BYTES_MAX);
    if (more) break;
    bytes += held.value.byteLength;
    entries.push({ number, ballot: held.ballot, value: held.value, members: held.members });
  }
  return { kind: "prepareOk", ballot, chosen: table.chosen, entries, more };
}

/** Word by word, as values are long: a call per byte takes milliseconds. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const { byteLength } = a;
  if (byteLength !== b.byteLength) return false;
  const [left, right] = [a, b].map((each) => new DataView(each.buffer, each.byteOffset, byteLength)) as [
    DataView,
    DataView,
  ];
  let at = 0;
  for (; at + 4 <= byteLength; at += 4) if (left.getInt32(at) !== right.getInt32(at)) return false;
  for (; at < byteLength; at++) if (a[at] !== b[at]) return false;
  return true;
}

/**
 * Phase 2b. Accepts are contiguous: one whose predecessor is neither held in the same ballot nor known to be chosen waits
 * for it. So nothing is chosen behind a stop sign in its legislature, and a quorum tells of no decree without one before it.
 */
export function onAccept(turn: Turn, from: MemberId, message: MessageOf<"accept">): void {
  const { state } = turn;
  const { ballot, number, chosen } = message;
  if (compareBallots(ballot, state.promised) < 0)
    return send(turn, from, { kind: "refused", promised: state.promised });
  noteBallot(state, ballot);
  heardLeader(turn, from, ballot);
  if (isNext(state, message)) {
    let isHeld = accept(turn, from, message);
    for (let early = state.early.get(number + 1); isHeld && early; early = state.early.get(early.number + 1)) {
      state.early.delete(early.number);
      isHeld = compareBallots(early.ballot, ballot) === 0 && accept(turn, from, early);
    }
  } else wait(state, message);
  noteChosen(turn, from, ballot, chosen);
}

function isNext({ table }: PaxosState, { ballot, number, chosen }: MessageOf<"accept">): boolean {
  if (number - 1 <= Math.max(table.chosen, chosen)) return true;
  const before = table.open(number - 1);
  return before !== undefined && compareBallots(before.ballot, ballot) === 0;
}

/** Keeps at most as many as a leader may have in flight; the leader repeats what is dropped. */
function wait({ early, config, table }: PaxosState, message: MessageOf<"accept">): void {
  for (const [number, { ballot }] of early)
    if (number <= table.chosen || compareBallots(ballot, message.ballot) < 0) early.delete(number);
  if (early.size < config.alpha) early.set(message.number, message);
}

/**
 * The accepted value is durable before the answer leaves; accepting is also a promise of the ballot. A decree known to be
 * chosen needs no new record: whatever this acceptor reports of it later is the chosen value.
 */
function accept(turn: Turn, from: MemberId, message: MessageOf<"accept">): boolean {
  const { state } = turn;
  const { table, config } = state;
  const { ballot, number, value, members } = message;
  const held = table.open(number);
  if (held === undefined && state.isFull && from !== config.self && number > table.chosen) return false;
  // A member that lags far holds on to what it accepts until it has learned the rest. Not the leader's own acceptor: it
  // proposes again all that phase 1 has told.
  const isFull = table.openCount >= OPEN_ENTRIES_MAX || table.openBytes + value.byteLength > config.openBytesMax;
  if (held === undefined && isFull && from !== config.self && number > table.chosen + 1) return false;
  if (number <= table.chosen) {
    if (compareBallots(ballot, state.promised) > 0) persist(turn, { kind: "promised", ballot });
  } else if (held === undefined || compareBallots(held.ballot, ballot) !== 0) {
    const before = table.open(number - 1);
    assert(
      before?.members === undefined || compareBallots(before.ballot, ballot) !== 0,
      `decree ${number} in ballot ${formatBallot(ballot)} behind the stop sign ${number - 1}`,
    );
    const { legislature } = membershipOf(state) ?? { legislature: 0 };
    const seq = persist(turn, { kind: "accepted", ballot, number, value, members, chosen: table.chosen, legislature });
    table.accept(number, { ballot, value, members, seq });
  } else {
    const isEqual = isSame(held.value, value) && String(held.members) === String(members);
    assert(isEqual, `two values for decree ${number} in ballot ${formatBallot(ballot)}`);
  }
  promise(state, ballot);
  assert(isMember(state, config.self), `${config.self} accepts decree ${number}, and is no member`);
  send(turn, from, { kind: "acceptOk", ballot, number }, true);
  return true;
}
