import { assert, type MemberId } from "@halon/consensus";
import { INSTALLING_KEY, type View } from "@halon/replicated-log";
import type { StoreChange } from "@halon/runtime";
import { END, type InstallProgress, type SnapshotReply, type SnapshotRequest } from "./frame.ts";
import { encodeProgress } from "./frame-codec.ts";
import { digestOfEntries, gatherRange, RANGE_BYTES_MAX } from "./snapshot-range.ts";

/** A request without a reply for so long is made again. */
const REQUEST_TIMEOUT_MS = 1_000;
/** Requests to one peer in a row without a reply, before another is asked. */
const TRIES_MAX = 3;
/** Wait after all peers were asked in vain; doubled each time up to the second one, and jittered. */
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;
/** Peers known at a time. */
const PEERS_MAX = 32;

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
  /** What `verify` came to. */
  | { readonly kind: "verified"; readonly isSound: boolean }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type SnapshotPullerOutput =
  | { readonly kind: "request"; readonly to: MemberId; readonly request: SnapshotRequest }
  /** Write as one batch; answer with `written`. One at a time. */
  | { readonly kind: "write"; readonly changes: readonly StoreChange[] }
  /** The whole snapshot is here: is its digest what it says itself, and its decree at least `atLeast`? Answer with `verified`. */
  | { readonly kind: "verify"; readonly atLeast: number }
  /** The state is that of a peer, and sound; what is noted of installing is still in the store. */
  | { readonly kind: "finished" }
  /** What this peer has sent contradicts itself. Others are asked first. */
  | { readonly kind: "distrusted"; readonly peer: MemberId }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

export interface SnapshotPullerCounters {
  /** Ranges that had to travel, and that did not. */
  readonly ranges: number;
  readonly rangesSame: number;
  /** Keys and values received. */
  readonly receivedBytes: number;
  /** Requests without a reply in time. */
  readonly timeouts: number;
  /** Times that a snapshot was begun, the first included. */
  readonly begins: number;
}

/** A value that comes in parts. */
interface Partial {
  readonly key: string;
  readonly pieces: Uint8Array[];
  bytesCount: number;
}

/**
 * Makes this member's state that of a peer, in place and range by range; sans-IO, but that it reads its own state. Of each
 * range the peer is told the digest first, so that only what differs travels: an interrupted transfer, also one whose
 * snapshot is gone, goes on from what is here already. The batch that replaces a range notes how far it has come under
 * {@link INSTALLING_KEY}; as long as that is there nothing else in the state means anything.
 */
export class SnapshotPuller {
  readonly #view: View;
  readonly #rangeBytesMax: number;
  #phase: "idle" | "pulling" | "verifying" = "idle";
  #atLeast = 0;
  /** Whom to ask, the next one first. */
  #peers: MemberId[] = [];
  /** As noted in the store, or about to be. Invariant: all ranges below `next` are those of the snapshot. */
  #progress: InstallProgress = { peer: "", decree: 0, next: "" };
  /** What was asked last, of the first of the peers; undefined when nothing is. */
  #asked: SnapshotRequest | undefined;
  #partial: Partial | undefined;
  #isWriting = false;
  /** Came while the range before was being written. */
  #stashed: SnapshotReply | undefined;
  #tries = 0;
  /** Peers asked in a row that had nothing. */
  #vain = 0;
  #pauses = 0;
  #counters = { ranges: 0, rangesSame: 0, receivedBytes: 0, timeouts: 0, begins: 0 };

  /** `view`: the state that is replaced, with all that was written. */
  constructor(view: View, rangeBytesMax = RANGE_BYTES_MAX) {
    this.#view = view;
    this.#rangeBytesMax = rangeBytesMax;
  }

  get isIdle(): boolean {
    return this.#phase === "idle";
  }

  get progress(): InstallProgress {
    return this.#progress;
  }

  get counters(): SnapshotPullerCounters {
    return this.#counters;
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
      case "verified":
        this.#onVerified(input.isSound, nowMs, out);
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
    const progress = input.progress ?? { peer: "", decree: 0, next: "" };
    this.#phase = "pulling";
    this.#atLeast = input.atLeast;
    this.#peers = [];
    this.#addPeers(progress.peer === "" ? input.peers : [progress.peer, ...input.peers]);
    this.#progress = progress;
    this.#tries = 0;
    this.#vain = 0;
    this.#pauses = 0;
    // From now on the state is in doubt, over a restart too.
    if (input.progress === undefined) this.#write([], out);
    if (this.#progress.next === END) return this.#verify(out);
    this.#ask(nowMs, out);
  }

  #addPeers(peers: readonly MemberId[]): void {
    for (const peer of peers) if (!this.#peers.includes(peer) && this.#peers.length < PEERS_MAX) this.#peers.push(peer);
  }

  #ask(nowMs: number, out: SnapshotPullerOutput[]): void {
    if (this.#phase !== "pulling") return;
    const [peer] = this.#peers;
    const isComplete = this.#progress.next === END;
    out.push({ kind: "timer", name: "patience", atMs: isComplete ? undefined : nowMs + REQUEST_TIMEOUT_MS });
    // Without anybody to ask, somebody may be named later.
    if (isComplete || peer === undefined) return;
    // Another peer has other snapshots: what has come stays, and is compared.
    if (peer !== this.#progress.peer) this.#restart({ peer, decree: 0, next: "" });
    const { decree, next: from } = this.#progress;
    const { entries, to } = gatherRange(this.#view, from, END, this.#rangeBytesMax);
    const offset = this.#partial?.bytesCount ?? 0;
    this.#asked = { decree, atLeast: this.#atLeast, from, to, digest: digestOfEntries(entries), offset };
    out.push({ kind: "request", to: peer, request: this.#asked });
  }

  #restart(progress: InstallProgress): void {
    this.#progress = progress;
    this.#partial = undefined;
    this.#stashed = undefined;
  }

  #onReply(from: MemberId, reply: SnapshotReply, nowMs: number, out: SnapshotPullerOutput[]): void {
    const asked = this.#asked;
    if (asked === undefined || from !== this.#progress.peer || this.#stashed !== undefined) return;
    if (reply.body.kind === "unable") {
      if (reply.from !== asked.from) return;
      this.#addPeers(reply.body.others);
      return this.#next(nowMs, 0.5, out);
    }
    if (reply.decree < this.#atLeast) return;
    if (reply.body.kind === "opened") return this.#onOpened(reply.decree, nowMs, out);
    const isMeant = reply.decree === asked.decree && reply.from === asked.from && reply.to <= asked.to;
    if (!isMeant || !this.#isUseful(asked, reply)) return;
    this.#asked = undefined;
    this.#tries = 0;
    this.#vain = 0;
    this.#pauses = 0;
    if (this.#isWriting) this.#stashed = reply;
    else this.#take(reply, nowMs, out);
  }

  /** A `same` of what is no longer here, or a part that has come already, says nothing new. */
  #isUseful({ to, digest }: SnapshotRequest, { body, ...reply }: SnapshotReply): boolean {
    if (body.kind === "same") return reply.to === to && Buffer.compare(body.digest, digest) === 0;
    return body.kind !== "part" || body.offset === (this.#partial?.bytesCount ?? 0);
  }

  #onOpened(decree: number, nowMs: number, out: SnapshotPullerOutput[]): void {
    // Late, from when this one was begun.
    if (decree === this.#progress.decree) return;
    this.#counters.begins++;
    this.#tries = 0;
    this.#restart({ peer: this.#progress.peer, decree, next: "" });
    this.#ask(nowMs, out);
  }

  /** The next range is asked for before this one is written, so that the peer works meanwhile. */
  #take({ to, from, body }: SnapshotReply, nowMs: number, out: SnapshotPullerOutput[]): void {
    const changes: StoreChange[] = [];
    if (body.kind === "part") {
      const value = this.#join(body.key, body.bytes, body.bytesCount);
      if (value === undefined) return this.#ask(nowMs, out);
      changes.push({ kind: "deleteRange", from, to }, { kind: "put", key: body.key, value });
      this.#counters.ranges++;
    } else if (body.kind === "entries") {
      changes.push({ kind: "deleteRange", from, to });
      for (const [key, value] of body.entries) {
        this.#counters.receivedBytes += key.length + value.byteLength;
        changes.push({ kind: "put", key, value });
      }
      this.#counters.ranges++;
    } else this.#counters.rangesSame++;
    this.#partial = undefined;
    this.#progress = { ...this.#progress, next: to };
    this.#ask(nowMs, out);
    this.#write(changes, out);
  }

  /** The value when it is complete. */
  #join(key: string, bytes: Uint8Array, bytesCount: number): Uint8Array | undefined {
    this.#partial ??= { key, pieces: [], bytesCount: 0 };
    this.#partial.pieces.push(bytes);
    this.#partial.bytesCount += bytes.byteLength;
    this.#counters.receivedBytes += bytes.byteLength;
    return this.#partial.bytesCount < bytesCount ? undefined : Buffer.concat(this.#partial.pieces);
  }

  #write(changes: readonly StoreChange[], out: SnapshotPullerOutput[]): void {
    assert(!this.#isWriting, "a range is written while the one before is");
    this.#isWriting = true;
    const value = encodeProgress(this.#progress);
    out.push({ kind: "write", changes: [...changes, { kind: "put", key: INSTALLING_KEY, value }] });
  }

  #onWritten(nowMs: number, out: SnapshotPullerOutput[]): void {
    this.#isWriting = false;
    const stashed = this.#stashed;
    this.#stashed = undefined;
    if (stashed !== undefined) this.#take(stashed, nowMs, out);
    else if (this.#phase === "pulling" && this.#progress.next === END) this.#verify(out);
  }

  #verify(out: SnapshotPullerOutput[]): void {
    this.#phase = "verifying";
    this.#asked = undefined;
    out.push({ kind: "timer", name: "patience", atMs: undefined });
    out.push({ kind: "verify", atLeast: this.#atLeast });
  }

  #onVerified(isSound: boolean, nowMs: number, out: SnapshotPullerOutput[]): void {
    assert(this.#phase === "verifying", `a verification that nobody asked for, while ${this.#phase}`);
    if (isSound) {
      this.#phase = "idle";
      out.push({ kind: "finished" });
      return;
    }
    this.#phase = "pulling";
    out.push({ kind: "distrusted", peer: this.#progress.peer });
    this.#restart({ peer: this.#progress.peer, decree: 0, next: "" });
    this.#next(nowMs, 0.5, out);
  }

  #onTimeout(nowMs: number, random: number, out: SnapshotPullerOutput[]): void {
    if (this.#phase !== "pulling" || this.#stashed !== undefined) return;
    this.#counters.timeouts++;
    if (++this.#tries < TRIES_MAX) return this.#ask(nowMs, out);
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
