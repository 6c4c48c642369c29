import { assert, type MemberId } from "@halon/consensus";
import { INSTALLING_KEY, type View } from "@halon/replicated-log";
import type { StoreChange } from "@halon/runtime";
import { type InstallProgress, NO_PROGRESS, type SnapshotReply, type SnapshotRequest } from "./frame.ts";
import { encodeProgress } from "./frame-codec.ts";
import { type AssemblyCounters, SnapshotAssembly } from "./snapshot-assembly.ts";
import { requestAfter } from "./snapshot-range.ts";

/** A request without a reply for so long is made again. */
const REQUEST_TIMEOUT_MS = 1_000;
/** Requests to one peer in a row without a reply, before another is asked. */
const TRIES_MAX = 3;
/** Wait after all peers were asked in vain; doubled each time up to the second one, and jittered. */
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;
/** Peers known at a time. */
const PEERS_MAX = 32;
/** A state as of so long ago is near enough: the log since then is still kept by others. */
const NEAR_MS = 500;
/** A snapshot that is pinned for so long is exchanged for a newer one: it keeps old pages of the peer's store alive. */
const PIN_MS = 20_000;
/** Rounds on top of a state that is whole, and how much shorter each must be than the one before. */
const ROUNDS_MAX = 16;
const SHRINK_RATIO = 0.8;

export type SnapshotPullerInput =
  /** Begin; of one that comes later only the peers are taken. Snapshots of decrees before `atLeast` are of no use. */
  | {
      readonly kind: "begin";
      readonly peers: readonly MemberId[];
      readonly atLeast: number;
      /** Where an earlier life was. */
      readonly progress?: InstallProgress;
    }
  | { readonly kind: "reply"; readonly from: MemberId; readonly reply: SnapshotReply }
  /** The last `write` has been done. */
  | { readonly kind: "written" }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type SnapshotPullerOutput =
  | { readonly kind: "request"; readonly to: MemberId; readonly request: SnapshotRequest }
  /** Write as one batch; answer with `written`. One at a time. */
  | { readonly kind: "write"; readonly changes: readonly StoreChange[] }
  /** The state is that of a peer, and sound; what is noted of installing is still in the store. */
  | { readonly kind: "finished" }
  /** What this peer has sent contradicts itself. Others are asked first. */
  | { readonly kind: "distrusted"; readonly peer: MemberId }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

export interface SnapshotPullerCounters extends AssemblyCounters {
  /** Requests without a reply in time. */
  readonly timeouts: number;
  /** Times that a snapshot was begun, the first included. */
  readonly begins: number;
  /** Times that one was exchanged for a newer one, of which only changes were asked for. */
  readonly rounds: number;
}

/**
 * Makes this member's state that of a peer, in place and range by range; sans-IO, but that it reads its own state. Of each
 * range the peer is told the digest first, so that only what differs travels: an interrupted transfer, also one whose
 * snapshot is gone, goes on from what is here already. The peer goes on meanwhile: what it has changed since is asked for in
 * rounds, each shorter than the one before, until the state is nearly that of now. The batch that replaces a range notes
 * how far it has come under {@link INSTALLING_KEY}; as long as that is there nothing else in the state means anything.
 */
export class SnapshotPuller {
  readonly #assembly: SnapshotAssembly;
  #phase: "idle" | "pulling" = "idle";
  #atLeast = 0;
  /** Whom to ask, the next one first. */
  #peers: MemberId[] = [];
  /** What was asked last, of the first of the peers; undefined when nothing is. */
  #asked: SnapshotRequest | undefined;
  /** That is for a newer snapshot. */
  #asksNewer = false;
  /** When the snapshot was pinned, or refused to be exchanged. */
  #pinnedAtMs = Number.NEGATIVE_INFINITY;
  /** How old the state was when it was whole last. */
  #ageMs = Number.POSITIVE_INFINITY;
  #wholes = 0;
  #isWriting = false;
  /** Came while a range before was being written. */
  #stashed: SnapshotReply[] = [];
  #tries = 0;
  /** Peers asked in a row that had nothing. */
  #vain = 0;
  #pauses = 0;
  #counters = { timeouts: 0, begins: 0, rounds: 0 };

  /** `view`: the state that is replaced, with all that was written. */
  constructor(view: View, rangeBytesMax?: number) {
    this.#assembly = new SnapshotAssembly(view, rangeBytesMax);
  }

  get isIdle(): boolean {
    return this.#phase === "idle";
  }

  /** As noted in the store, or about to be. */
  get progress(): InstallProgress {
    return this.#assembly.progress;
  }

  get counters(): SnapshotPullerCounters {
    return { ...this.#assembly.counters, ...this.#counters };
  }

  step(input: SnapshotPullerInput, nowMs: number): readonly SnapshotPullerOutput[] {
    const out: SnapshotPullerOutput[] = [];
    switch (input.kind) {
      case "begin":
        this.#onBegin(input, nowMs, out);
        break;
      case "reply":
        this.#onReply(input.from, input.reply, nowMs, out);
        break;
      case "written":
        this.#onWritten(nowMs, out);
        break;
      case "timer":
        if (input.name === "patience") this.#onTimeout(nowMs, input.random, out);
        else this.#ask(nowMs, out);
        break;
      default:
        input satisfies never;
    }
    return out;
  }

  #onBegin(input: SnapshotPullerInput & { kind: "begin" }, nowMs: number, out: SnapshotPullerOutput[]): void {
    if (this.#phase !== "idle") return this.#addPeers(input.peers);
    const progress = input.progress ?? NO_PROGRESS;
    this.#phase = "pulling";
    this.#atLeast = input.atLeast;
    this.#peers = [];
    this.#addPeers(progress.peer === "" ? input.peers : [progress.peer, ...input.peers]);
    this.#restart(progress);
    this.#ageMs = Number.POSITIVE_INFINITY;
    this.#wholes = 0;
    this.#settle();
    // From now on the state is in doubt, over a restart too.
    if (input.progress === undefined) this.#write([], out);
    if (this.#assembly.isComplete) this.#onWhole(nowMs, out);
    else this.#ask(nowMs, out);
  }

  #addPeers(peers: readonly MemberId[]): void {
    for (const peer of peers) if (!this.#peers.includes(peer) && this.#peers.length < PEERS_MAX) this.#peers.push(peer);
  }

  #ask(nowMs: number, out: SnapshotPullerOutput[]): void {
    if (this.#phase !== "pulling") return;
    const [peer] = this.#peers;
    const isAtEnd = this.#assembly.isComplete && !this.#asksNewer;
    out.push({ kind: "timer", name: "patience", atMs: isAtEnd ? undefined : nowMs + REQUEST_TIMEOUT_MS });
    // Without anybody to ask, somebody may be named later.
    if (isAtEnd || peer === undefined) return;
    // Another peer has other snapshots: what has come stays, and is compared.
    if (peer !== this.progress.peer) this.#restart({ ...NO_PROGRESS, peer });
    const { decree, since } = this.progress;
    this.#asksNewer ||= decree > 0 && since === 0 && nowMs - this.#pinnedAtMs > PIN_MS;
    this.#asked = this.#asksNewer ? this.#assembly.requestRound(this.#atLeast) : this.#assembly.request(this.#atLeast);
    out.push({ kind: "request", to: peer, request: this.#asked });
  }

  #restart(progress: InstallProgress): void {
    this.#assembly.resume(progress);
    this.#asksNewer = false;
    this.#pinnedAtMs = Number.NEGATIVE_INFINITY;
    this.#stashed = [];
  }

  /** The peer is there, and helps. */
  #settle(): void {
    this.#tries = 0;
    this.#vain = 0;
    this.#pauses = 0;
  }

  #onReply(from: MemberId, reply: SnapshotReply, nowMs: number, out: SnapshotPullerOutput[]): void {
    const asked = this.#asked;
    if (asked === undefined || from !== this.progress.peer) return;
    if (reply.body.kind === "unable") {
      if (reply.from !== asked.from || reply.since !== asked.since) return;
      this.#addPeers(reply.body.others);
      if (this.#assembly.isComplete) return this.#finish(out);
      return this.#next(nowMs, 0.5, out);
    }
    if (reply.decree < this.#atLeast) return;
    if (reply.body.kind === "opened") return this.#onOpened(reply, nowMs, out);
    if (this.#asksNewer || !this.#assembly.answers(asked, reply)) return;
    // The peer goes on by itself, or is asked again.
    this.#asked = requestAfter(asked, reply);
    this.#settle();
    if (this.#isWriting) this.#stashed.push(reply);
    else this.#take(reply, nowMs, out);
  }

  #onOpened({ decree, since }: SnapshotReply, nowMs: number, out: SnapshotPullerOutput[]): void {
    const { progress } = this;
    if (this.#asksNewer) return this.#onNewer(since === progress.decree ? decree : 0, nowMs, out);
    // Late, from when this one was begun.
    if (since > 0 || (decree === progress.decree && progress.since === 0)) return;
    this.#counters.begins++;
    this.#tries = 0;
    this.#restart({ ...NO_PROGRESS, peer: progress.peer, decree });
    this.#pinnedAtMs = nowMs;
    this.#ask(nowMs, out);
  }

  /** The snapshot was exchanged for that of `decree`; one that is no newer does not help, and what is here has to do. */
  #onNewer(decree: number, nowMs: number, out: SnapshotPullerOutput[]): void {
    this.#asksNewer = false;
    this.#asked = undefined;
    this.#pinnedAtMs = nowMs;
    this.#settle();
    if (decree > this.progress.decree) {
      this.#counters.rounds++;
      this.#assembly.beginRound(decree);
    } else if (this.#assembly.isComplete) return this.#finish(out);
    this.#ask(nowMs, out);
  }

  /** The next range is asked for before this one is written, so that the peer works meanwhile. */
  #take(reply: SnapshotReply, nowMs: number, out: SnapshotPullerOutput[]): void {
    const changes = this.#assembly.take(reply);
    if (this.#asked === undefined && this.#stashed.length === 0) this.#ask(nowMs, out);
    else out.push({ kind: "timer", name: "patience", atMs: nowMs + REQUEST_TIMEOUT_MS });
    if (changes !== undefined) this.#write(changes, out);
  }

  #write(changes: readonly StoreChange[], out: SnapshotPullerOutput[]): void {
    assert(!this.#isWriting, "a range is written while the one before is");
    this.#isWriting = true;
    const value = encodeProgress(this.progress);
    out.push({ kind: "write", changes: [...changes, { kind: "put", key: INSTALLING_KEY, value }] });
  }

  #onWritten(nowMs: number, out: SnapshotPullerOutput[]): void {
    this.#isWriting = false;
    const stashed = this.#stashed.shift();
    if (stashed !== undefined) this.#take(stashed, nowMs, out);
    else if (this.#phase === "pulling" && this.#assembly.isComplete) this.#onWhole(nowMs, out);
  }

  /** The whole state is here, as of some time ago. */
  #onWhole(nowMs: number, out: SnapshotPullerOutput[]): void {
    if (!this.#assembly.isSound(this.#atLeast)) {
      const { peer } = this.progress;
      out.push({ kind: "distrusted", peer });
      this.#restart({ ...NO_PROGRESS, peer });
      return this.#next(nowMs, 0.5, out);
    }
    const before = this.#ageMs;
    this.#ageMs = nowMs - this.#pinnedAtMs;
    const isShorter = this.#wholes === 0 || this.#ageMs < before * SHRINK_RATIO;
    if (this.#ageMs <= NEAR_MS || !isShorter || ++this.#wholes > ROUNDS_MAX) return this.#finish(out);
    this.#asksNewer = true;
    this.#ask(nowMs, out);
  }

  #finish(out: SnapshotPullerOutput[]): void {
    this.#phase = "idle";
    this.#asked = undefined;
    this.#asksNewer = false;
    out.push({ kind: "timer", name: "patience", atMs: undefined }, { kind: "finished" });
  }

  #onTimeout(nowMs: number, random: number, out: SnapshotPullerOutput[]): void {
    if (this.#phase !== "pulling" || this.#stashed.length > 0) return;
    this.#counters.timeouts++;
    if (++this.#tries < TRIES_MAX) return this.#ask(nowMs, out);
    // It is whole already: what has come since is to be had from the log, or never.
    if (this.#assembly.isComplete) return this.#finish(out);
    this.#next(nowMs, random, out);
  }

  /** The first of the peers becomes the last. After a round in vain they are left in peace for a while. */
  #next(nowMs: number, random: number, out: SnapshotPullerOutput[]): void {
    const [first, ...others] = this.#peers;
    if (first !== undefined) this.#peers = [...others, first];
    this.#tries = 0;
    this.#asked = undefined;
    if (++this.#vain < this.#peers.length) return this.#ask(nowMs, out);
    this.#vain = 0;
    const spanMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(this.#pauses++, 10));
    out.push({ kind: "timer", name: "patience", atMs: undefined });
    out.push({ kind: "timer", name: "pause", atMs: nowMs + spanMs * (0.5 + random / 2) });
  }
}
