import { assert, compareBallots, formatBallot, type MemberId } from "@halon/consensus";
import { PAGE_BYTES_MAX, PAGE_ENTRIES_MAX } from "./config.ts";
import { noteChosen } from "./learner.ts";
import type { Entry, PaxosMessage } from "./message.ts";
import { becomeFollower, heardLeader } from "./reign.ts";
import { noteBallot, persist, promise, send, type Turn } from "./state.ts";

type Message<K extends PaxosMessage["kind"]> = PaxosMessage & { kind: K };

/**
 * Phase 1b. A promise made is a promise kept: it is durable before the answer leaves, and no lower ballot is accepted
 * from then on. An acceptor that hears its leader does not answer others at all, so that the Prepares of a member that
 * hears less do not depose a leader that works. (That member's own promise does, once, when it refuses the leader.)
 */
export function onPrepare(turn: Turn, from: MemberId, { ballot, from: first }: Message<"prepare">): void {
  const { state } = turn;
  const order = compareBallots(ballot, state.promised);
  if (order < 0) return send(turn, from, { kind: "prepareRefused", promised: state.promised });
  const hearsOther = state.leader !== undefined && state.leader !== from;
  if (hearsOther && turn.nowMs - state.leaderHeardAtMs < state.config.electionMs / 2) return;
  if (state.role.kind !== "follower" && compareBallots(ballot, state.role.ballot) > 0) becomeFollower(turn);
  if (order > 0) {
    persist(turn, { kind: "promised", ballot });
    promise(state, ballot);
  }
  send(turn, from, openSuffix(turn, ballot, first), true);
}

/** What this acceptor has accepted and does not know to be chosen, one page of it. */
function openSuffix({ state }: Turn, ballot: Message<"prepareOk">["ballot"], first: number): Message<"prepareOk"> {
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
    entries.push({ number, ballot: held.ballot, value: held.value });
  }
  return { kind: "prepareOk", ballot, chosen: table.chosen, entries, more };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && a.every((byte, at) => byte === b[at]);

/**
 * Phase 2b. The accepted value is durable before the answer leaves; accepting is also a promise of the ballot. A decree
 * known to be chosen needs no new record: whatever this acceptor reports of it later is the chosen value.
 */
export function onAccept(turn: Turn, from: MemberId, message: Message<"accept">): void {
  const { state } = turn;
  const { ballot, number, value, chosen } = message;
  if (compareBallots(ballot, state.promised) < 0)
    return send(turn, from, { kind: "acceptRefused", promised: state.promised });
  noteBallot(state, ballot);
  heardLeader(turn, from, ballot);
  const { table, config } = state;
  if (from !== config.self && number > table.chosen + 2 * config.alpha) {
    // Too far ahead of what is held here. The leader repeats it; what is missing is learned meanwhile. Not to itself,
    // though: it proposes again all that phase 1 has told, and that may be from a leader with a larger window.
    noteChosen(turn, from, ballot, chosen);
    return;
  }
  if (number <= table.chosen) {
    if (compareBallots(ballot, state.promised) > 0) persist(turn, { kind: "promised", ballot });
  } else {
    const held = table.open(number);
    if (held === undefined || compareBallots(held.ballot, ballot) !== 0) {
      const seq = persist(turn, { kind: "accepted", ballot, number, value, chosen: table.chosen });
      table.accept(number, { ballot, value }, seq);
    } else {
      assert(isSame(held.value, value), `two values for decree ${number} in ballot ${formatBallot(ballot)}`);
    }
  }
  promise(state, ballot);
  send(turn, from, { kind: "acceptOk", ballot, number }, true);
  noteChosen(turn, from, ballot, chosen);
}
