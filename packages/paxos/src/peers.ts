import { BALLOT_ZERO, compareBallots, formatBallot, type MemberId } from "@halon/consensus";
import type { MessageOf, PaxosMessage } from "./message.ts";
import { isMember, membershipOf, type PaxosState, type Peer, send, type Turn } from "./state.ts";

/** A life is named by a count and a random number, so that two copies of one directory differ. */
const BOOT_CHANCES = 2 ** 20;
/** Messages of an earlier life may arrive for so long after the next one was heard. */
const STRAGGLER_MS = 10_000;
/** Others that are remembered. Only members and those who want to be send anything. */
const PEERS_MAX = 64;

export const nextBoot = (before: number, random: number): number =>
  (Math.floor(before / BOOT_CHANCES) + 1) * BOOT_CHANCES + Math.floor(random * BOOT_CHANCES);

const lifeOf = (boot: number): number => Math.floor(boot / BOOT_CHANCES);

/**
 * Whether a message is to be taken. An acceptor must not forget what it has confirmed: one that shows two lives at once
 * runs from a copied directory, one that begins below what it confirmed from an old one. Neither is believed any more; a
 * reconfiguration has to replace it. A vote counts only after its sender has said how its present life began.
 */
export function mayTake(turn: Turn, from: MemberId, boot: number, legislature: number, message: PaxosMessage): boolean {
  const { state } = turn;
  const peer = peerOf(turn, from, boot);
  if (boot !== peer.boot && !state.disowned.has(from)) onOtherLife(turn, from, peer, boot);
  const why = state.disowned.get(from);
  if (why !== undefined && TELLING.has(message.kind)) send(turn, from, { kind: "disowned", why });
  if (why !== undefined || boot < peer.boot) return false;
  if (message.kind === "hello") return greet(turn, from, peer, message, legislature);
  if (!isVote(message)) return true;
  if (!peer.greeted) {
    send(turn, from, hello(state, true));
    return false;
  }
  if ("ballot" in message && compareBallots(message.ballot, peer.promised) > 0) peer.promised = message.ballot;
  if (message.kind === "acceptOk" && legislature === membershipOf(state)?.legislature)
    peer.accepted = Math.max(peer.accepted, message.number);
  return true;
}

/** How this life began. */
export const hello = ({ born, table }: PaxosState, ask: boolean): MessageOf<"hello"> => ({
  kind: "hello",
  ...born,
  chosen: table.chosen,
  ask,
});

/** In a new legislature counts what is confirmed there; who is no member is not remembered. */
export function forgetPeers(state: PaxosState): void {
  for (const [id, peer] of state.peers) {
    peer.accepted = 0;
    if (!isMember(state, id)) state.peers.delete(id);
  }
  for (const id of state.disowned.keys()) if (!isMember(state, id)) state.disowned.delete(id);
}

/** The word of `member`, which may be this one, is worth nothing any more. Of strangers only so many are remembered. */
export function disown(state: PaxosState, member: MemberId, why: string): void {
  const stranger = [...state.disowned.keys()].find((id) => !isMember(state, id));
  if (state.disowned.size >= PEERS_MAX && stranger !== undefined) state.disowned.delete(stranger);
  state.disowned.set(member, why);
}

/** Messages, few in a second, to which a disowned member is told so. */
const TELLING: ReadonlySet<PaxosMessage["kind"]> = new Set(["hello", "heartbeat", "probe", "learnRequest"]);

/** Messages that are durable before they leave, but for a probe's answer, which says nothing of the past. */
const isVote = ({ kind }: PaxosMessage): boolean => kind === "prepareOk" || kind === "acceptOk";

function peerOf({ state, nowMs }: Turn, from: MemberId, boot: number): Peer {
  const known = state.peers.get(from);
  if (known !== undefined) return known;
  if (state.peers.size >= PEERS_MAX)
    for (const id of state.peers.keys())
      if (!isMember(state, id)) {
        state.peers.delete(id);
        break;
      }
  const peer: Peer = { boot, sinceMs: nowMs, greeted: false, promised: BALLOT_ZERO, accepted: 0 };
  state.peers.set(from, peer);
  return peer;
}

function onOtherLife({ state, nowMs }: Turn, from: MemberId, peer: Peer, boot: number): void {
  const isTwin = lifeOf(boot) === lifeOf(peer.boot);
  if (isTwin || (boot < peer.boot && nowMs - peer.sinceMs > STRAGGLER_MS)) {
    disown(
      state,
      from,
      `${from} runs twice: its directory was copied. Stop the copy, and let ${from} join anew as another incarnation`,
    );
  } else if (boot > peer.boot) {
    peer.boot = boot;
    peer.sinceMs = nowMs;
    peer.greeted = false;
  }
}

/** False when what it found on its disk is less than it had confirmed. */
function greet(turn: Turn, from: MemberId, peer: Peer, message: MessageOf<"hello">, legislature: number): boolean {
  const { state } = turn;
  const { promised, accepted } = message;
  const isOfNow = legislature === membershipOf(state)?.legislature;
  if (compareBallots(promised, peer.promised) < 0 || (isOfNow && accepted < peer.accepted)) {
    const why =
      `${from} has an older journal than before: it had confirmed ballot ${formatBallot(peer.promised)} and decree ` +
      `${peer.accepted}, and now knows of ${formatBallot(promised)} and ${accepted}. Let it join anew as another incarnation`;
    // What it said in this life before that is no excuse: a later hello of the same life says the same.
    if (!peer.greeted) {
      disown(state, from, why);
      send(turn, from, { kind: "disowned", why });
      return false;
    }
  }
  peer.greeted = true;
  if (message.ask) send(turn, from, hello(state, false));
  return true;
}
