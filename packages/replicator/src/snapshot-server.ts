import type { MemberId } from "@halon/consensus";
import { INSTALLING_KEY, readState, type View } from "@halon/replicated-log";
import type { SortedMap } from "@halon/runtime";
import type { ChangeTrack } from "./change-track.ts";
import type { SnapshotReply, SnapshotReplyBody, SnapshotRequest } from "./frame.ts";
import {
  digestOfEntries,
  gatherChanges,
  gatherRange,
  keyAfter,
  NO_DIGEST,
  RANGE_BYTES_MAX,
  requestAfter,
} from "./snapshot-range.ts";

/** Members that one member serves at a time; a further one is sent to others. */
const TRANSFERS_MAX = 2;
/** A snapshot that nobody has asked about for so long is given up. */
const TRANSFER_IDLE_MS = 10_000;
/** A snapshot is given up at this age whatever happens: it keeps old pages of the store alive. */
const TRANSFER_MS_MAX = 5 * 60_000;
/** Between two answers to one request: so much of a member's time is left to other things, and no more is sent in a second. */
const AHEAD_EVERY_MS = 4;

export type SnapshotServerInput =
  /** A request as it came from a member. */
  | { readonly kind: "request"; readonly from: MemberId; readonly request: SnapshotRequest }
  /** What was written before the `flush` for this request is in whatever is pinned from now on. */
  | { readonly kind: "flushed"; readonly from: MemberId; readonly request: SnapshotRequest }
  | { readonly kind: "timer"; readonly name: string };

export type SnapshotServerOutput =
  | { readonly kind: "reply"; readonly to: MemberId; readonly reply: SnapshotReply }
  /** Make the state durable, then say `flushed`. */
  | { readonly kind: "flush"; readonly from: MemberId; readonly request: SnapshotRequest }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** A view that does not change until it is released. */
export interface PinnedView extends View {
  release(): void;
}

export interface SnapshotServerPorts {
  /** Pins the state as it is now; a text says why there is none to be had. */
  readonly open: () => PinnedView | string;
  /** Notes which keys change from now on, until it is given to `untrack`. */
  readonly track: () => ChangeTrack;
  readonly untrack: (track: ChangeTrack) => void;
  /** Members that may have the state too. */
  readonly others: () => readonly MemberId[];
  /** {@link RANGE_BYTES_MAX} unless given. */
  readonly rangeBytesMax?: number;
}

/** One member's snapshot. */
interface Transfer {
  readonly view: PinnedView;
  readonly decree: number;
  /** The snapshot before this one, and all keys that have changed since, and perhaps others; 0: nothing is known of before. */
  readonly since: number;
  readonly changed: SortedMap<true> | undefined;
  /** What has changed after this one, from before it was pinned on. */
  readonly track: ChangeTrack;
  readonly openedAtMs: number;
  usedAtMs: number;
  /** What is to be answered next without being asked for again. */
  ahead: SnapshotRequest | undefined;
}

/**
 * Serves this member's state to members that lack it; sans-IO. No copy is made: each that asks has a snapshot of the store
 * pinned, for a bounded time, and is told of one range at a time whether it is the same, or what is in it. Who has all of
 * that can have a newer one pinned, and is told what has changed in between: so it comes ever closer to a state that goes
 * on. A request costs reading and hashing two messages' worth at most.
 */
export class SnapshotServer {
  readonly #ports: SnapshotServerPorts;
  readonly #transfers = new Map<MemberId, Transfer>();
  /** Who waits for a snapshot until the state is durable, and what has changed since it asked. */
  readonly #opening = new Map<MemberId, ChangeTrack>();
  #servedBytes = 0;

  constructor(ports: SnapshotServerPorts) {
    this.#ports = ports;
  }

  /** Who is being served, and the decree of the snapshot. */
  get transfers(): ReadonlyMap<MemberId, number> {
    return new Map([...this.#transfers].map(([member, { decree }]) => [member, decree]));
  }

  /** Keys and values sent, in all. */
  get servedBytes(): number {
    return this.#servedBytes;
  }

  step(input: SnapshotServerInput, nowMs: number): readonly SnapshotServerOutput[] {
    this.#expire(nowMs);
    const out: SnapshotServerOutput[] = [];
    if (input.kind === "request") this.#onRequest(input.from, input.request, nowMs, out);
    else if (input.kind === "flushed") this.#onFlushed(input.from, input.request, nowMs, out);
    else if (input.name === "ahead") this.#goAhead(nowMs, out);
    const isAhead = [...this.#transfers.values()].some(({ ahead }) => ahead !== undefined);
    out.push({ kind: "timer", name: "ahead", atMs: isAhead ? nowMs + AHEAD_EVERY_MS : undefined });
    out.push({ kind: "timer", name: "expiry", atMs: this.#expiresAtMs() });
    return out;
  }

  /** Gives up all snapshots: the state is about to be replaced, or this member ends. */
  releaseAll(): void {
    for (const [member, transfer] of this.#transfers) this.#release(member, transfer);
    for (const track of this.#opening.values()) this.#ports.untrack(track);
    this.#opening.clear();
  }

  #onRequest(member: MemberId, request: SnapshotRequest, nowMs: number, out: SnapshotServerOutput[]): void {
    // It is answered in a moment, and this is a copy, or a repetition.
    if (this.#opening.has(member)) return;
    const transfer = this.#transfers.get(member);
    if (transfer !== undefined && transfer.decree >= request.atLeast && !wantsNewer(transfer, request))
      out.push({ kind: "reply", to: member, reply: this.#answer(transfer, request, nowMs) });
    else if (
      transfer === undefined &&
      new Set([...this.#transfers.keys(), ...this.#opening.keys()]).size >= TRANSFERS_MAX
    )
      out.push({ kind: "reply", to: member, reply: this.#unable(member, request, "two members are served already") });
    else {
      // From before the flush on: whatever is not in the snapshot is noted, and some that is.
      this.#opening.set(member, this.#ports.track());
      out.push({ kind: "flush", from: member, request });
    }
  }

  #goAhead(nowMs: number, out: SnapshotServerOutput[]): void {
    for (const [member, transfer] of this.#transfers)
      if (transfer.ahead !== undefined)
        out.push({ kind: "reply", to: member, reply: this.#answer(transfer, transfer.ahead, nowMs) });
  }

  #onFlushed(member: MemberId, request: SnapshotRequest, nowMs: number, out: SnapshotServerOutput[]): void {
    const track = this.#opening.get(member);
    if (track === undefined) return;
    this.#opening.delete(member);
    const opened = this.#open(member, request, track, nowMs);
    if (typeof opened === "string") {
      this.#ports.untrack(track);
      out.push({ kind: "reply", to: member, reply: this.#unable(member, request, opened) });
    } else out.push({ kind: "reply", to: member, reply: this.#answer(opened, request, nowMs) });
  }

  /**
   * Why nothing is left out: the track of the snapshot before began ahead of the flush that its view waited for, so that
   * what is not in that view is in the track; the one that has just begun takes over from there, ahead of this flush. A key
   * in both, or one that has changed before, is told once more: values are those of this view, so that does no harm.
   */
  #open(member: MemberId, request: SnapshotRequest, track: ChangeTrack, nowMs: number): Transfer | string {
    const view = this.#ports.open();
    if (typeof view === "string") return view;
    const { applied, membership } = readState(view);
    const complaint = complaintAbout(view, applied, request.atLeast, membership !== undefined);
    if (complaint !== undefined) {
      view.release();
      return complaint;
    }
    const before = this.#transfers.get(member);
    let changed: SortedMap<true> | undefined;
    if (before !== undefined) {
      this.#release(member, before);
      before.track.join(track);
      changed = wantsNewer(before, request) ? before.track.keys : undefined;
    }
    const since = changed === undefined ? 0 : (before?.decree ?? 0);
    const times = { openedAtMs: nowMs, usedAtMs: nowMs };
    const transfer: Transfer = { view, decree: applied, since, changed, track, ...times, ahead: undefined };
    this.#transfers.set(member, transfer);
    return transfer;
  }

  #unable(member: MemberId, { from, to, since }: SnapshotRequest, why: string): SnapshotReply {
    const others = this.#ports.others().filter((other) => other !== member);
    return { decree: 0, from, to, since, body: { kind: "unable", why, others } };
  }

  #answer(transfer: Transfer, request: SnapshotRequest, nowMs: number): SnapshotReply {
    transfer.usedAtMs = nowMs;
    transfer.ahead = undefined;
    const { decree, view, since, changed } = transfer;
    const { from, to } = request;
    if (request.decree === decree && (request.since === 0 || (request.since === since && changed !== undefined))) {
      const reply =
        request.since === 0 || changed === undefined
          ? this.#tell(decree, view, request)
          : this.#tellChanges(decree, view, changed, request);
      transfer.ahead = requestAfter(request, reply);
      return reply;
    }
    const isNewer = request.decree === 0 && request.since === since;
    return { decree, from, to, since: isNewer ? since : 0, body: { kind: "opened" } };
  }

  #tell(decree: number, view: View, { from, to, digest, offset }: SnapshotRequest): SnapshotReply {
    const bytesMax = this.#ports.rangeBytesMax ?? RANGE_BYTES_MAX;
    const range = gatherRange(view, from, to, bytesMax);
    const about = (body: SnapshotReplyBody): SnapshotReply => ({ decree, from, to: range.to, since: 0, body });
    const { entries } = range;
    if (range.to === to && digest !== NO_DIGEST && Buffer.compare(digestOfEntries(entries), digest) === 0)
      return about({ kind: "same", digest });
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && first[1].byteLength > bytesMax)
      return about(this.#part(first[0], first[1], offset));
    for (const [key, value] of entries) this.#servedBytes += key.length + value.byteLength;
    return about({ kind: "entries", entries });
  }

  #tellChanges(decree: number, view: View, changed: SortedMap<true>, request: SnapshotRequest): SnapshotReply {
    const { from, since, offset } = request;
    const bytesMax = this.#ports.rangeBytesMax ?? RANGE_BYTES_MAX;
    const { to, entries, deleted } = gatherChanges(view, changed, from, request.to, bytesMax);
    const [first] = entries;
    if (first !== undefined && first[1].byteLength > bytesMax)
      return { decree, from, to: keyAfter(first[0]), since, body: this.#part(first[0], first[1], offset) };
    for (const [key, value] of entries) this.#servedBytes += key.length + value.byteLength;
    return { decree, from, to, since, body: { kind: "changes", entries, deleted } };
  }

  #part(key: string, value: Uint8Array, offset: number): SnapshotReplyBody {
    // Beyond the value nothing is asked by a member that has read what it was told.
    const start = offset < value.byteLength ? offset : 0;
    const bytes = value.subarray(start, start + (this.#ports.rangeBytesMax ?? RANGE_BYTES_MAX));
    this.#servedBytes += bytes.byteLength;
    return { kind: "part", key, bytesCount: value.byteLength, offset: start, bytes };
  }

  #release(member: MemberId, { view, track }: Transfer): void {
    this.#transfers.delete(member);
    this.#ports.untrack(track);
    view.release();
  }

  #expire(nowMs: number): void {
    for (const [member, transfer] of this.#transfers) if (expiryMs(transfer) <= nowMs) this.#release(member, transfer);
  }

  #expiresAtMs(): number | undefined {
    return this.#transfers.size === 0 ? undefined : Math.min(...[...this.#transfers.values()].map(expiryMs));
  }
}

const wantsNewer = ({ decree }: Transfer, request: SnapshotRequest): boolean =>
  request.decree === 0 && request.since === decree;

function complaintAbout(view: View, applied: number, atLeast: number, hasMembership: boolean): string | undefined {
  if (view.get(INSTALLING_KEY) !== undefined) return "the state here is being replaced itself";
  if (applied < atLeast) return `decree ${atLeast} is not applied here yet: the snapshot is of ${applied}`;
  return hasMembership ? undefined : "the state here does not know the membership yet";
}

const expiryMs = ({ openedAtMs, usedAtMs }: Transfer): number =>
  Math.min(openedAtMs + TRANSFER_MS_MAX, usedAtMs + TRANSFER_IDLE_MS);
