import type { MemberId } from "@halon/consensus";
import { INSTALLING_KEY, readState, type View } from "@halon/replicated-log";
import type { SnapshotReply, SnapshotReplyBody, SnapshotRequest } from "./frame.ts";
import { digestOfEntries, gatherRange, RANGE_BYTES_MAX } from "./snapshot-range.ts";

/** Members that one member serves at a time; a further one is sent to others. */
const TRANSFERS_MAX = 2;
/** A snapshot that nobody has asked about for so long is given up. */
const TRANSFER_IDLE_MS = 10_000;
/** A snapshot is given up at this age whatever happens: it keeps old pages of the store alive. */
const TRANSFER_MS_MAX = 5 * 60_000;

export type SnapshotServerInput =
  /** A request as it came from a member. */
  | { readonly kind: "request"; readonly from: MemberId; readonly request: SnapshotRequest }
  | { readonly kind: "timer"; readonly name: string };

export type SnapshotServerOutput =
  | { readonly kind: "reply"; readonly to: MemberId; readonly reply: SnapshotReply }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** A view that does not change until it is released. */
export interface PinnedView extends View {
  release(): void;
}

export interface SnapshotServerPorts {
  /** Pins the state as it is now; a text says why there is none to be had. */
  readonly open: () => PinnedView | string;
  /** Members that may have the state too. */
  readonly others: () => readonly MemberId[];
  /** {@link RANGE_BYTES_MAX} unless given. */
  readonly rangeBytesMax?: number;
}

/** One member's snapshot. */
interface Transfer {
  readonly view: PinnedView;
  readonly decree: number;
  readonly openedAtMs: number;
  usedAtMs: number;
}

/**
 * Serves this member's state to members that lack it; sans-IO. No copy is made: each that asks has a snapshot of the store
 * pinned, for a bounded time, and is told of one range at a time whether it is the same, or what is in it. A request costs
 * reading and hashing two messages' worth at most.
 */
export class SnapshotServer {
  readonly #ports: SnapshotServerPorts;
  readonly #transfers = new Map<MemberId, Transfer>();
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
    if (input.kind === "request") {
      const { from, request } = input;
      const reply = this.#answer(from, request, nowMs);
      out.push({ kind: "reply", to: from, reply });
    }
    out.push({ kind: "timer", name: "expiry", atMs: this.#expiresAtMs() });
    return out;
  }

  /** Gives up all snapshots: the state is about to be replaced, or this member ends. */
  releaseAll(): void {
    for (const { view } of this.#transfers.values()) view.release();
    this.#transfers.clear();
  }

  #answer(member: MemberId, request: SnapshotRequest, nowMs: number): SnapshotReply {
    const { from, to, atLeast } = request;
    let transfer = this.#transfers.get(member);
    if (transfer !== undefined && transfer.decree < atLeast) {
      this.#release(member, transfer);
      transfer = undefined;
    }
    const about = (decree: number, body: SnapshotReplyBody): SnapshotReply => ({ decree, from, to, body });
    if (transfer === undefined) {
      const opened = this.#open(member, atLeast, nowMs);
      if (typeof opened === "string") {
        const others = this.#ports.others().filter((other) => other !== member);
        return about(0, { kind: "unable", why: opened, others });
      }
      transfer = opened;
    }
    transfer.usedAtMs = nowMs;
    const { decree, view } = transfer;
    return decree === request.decree ? this.#tell(decree, view, request) : about(decree, { kind: "opened" });
  }

  #open(member: MemberId, atLeast: number, nowMs: number): Transfer | string {
    if (this.#transfers.size >= TRANSFERS_MAX) return `${TRANSFERS_MAX} members are served already`;
    const view = this.#ports.open();
    if (typeof view === "string") return view;
    const { applied, membership } = readState(view);
    const complaint = this.#complaint(view, applied, atLeast, membership !== undefined);
    if (complaint !== undefined) {
      view.release();
      return complaint;
    }
    const transfer = { view, decree: applied, openedAtMs: nowMs, usedAtMs: nowMs };
    this.#transfers.set(member, transfer);
    return transfer;
  }

  #complaint(view: View, applied: number, atLeast: number, hasMembership: boolean): string | undefined {
    if (view.get(INSTALLING_KEY) !== undefined) return "the state here is being replaced itself";
    if (applied < atLeast) return `decree ${atLeast} is not applied here yet: the snapshot is of ${applied}`;
    return hasMembership ? undefined : "the state here does not know the membership yet";
  }

  #tell(decree: number, view: View, { from, to, digest, offset }: SnapshotRequest): SnapshotReply {
    const bytesMax = this.#ports.rangeBytesMax ?? RANGE_BYTES_MAX;
    const range = gatherRange(view, from, to, bytesMax);
    const about = (body: SnapshotReplyBody): SnapshotReply => ({ decree, from, to: range.to, body });
    const { entries } = range;
    if (range.to === to && Buffer.compare(digestOfEntries(entries), digest) === 0)
      return about({ kind: "same", digest });
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && first[1].byteLength > bytesMax) {
      const [key, value] = first;
      // Beyond the value nothing is asked by a member that has read what it was told.
      const start = offset < value.byteLength ? offset : 0;
      const bytes = value.subarray(start, start + bytesMax);
      this.#servedBytes += bytes.byteLength;
      return about({ kind: "part", key, bytesCount: value.byteLength, offset: start, bytes });
    }
    for (const [key, value] of entries) this.#servedBytes += key.length + value.byteLength;
    return about({ kind: "entries", entries });
  }

  #release(member: MemberId, { view }: Transfer): void {
    this.#transfers.delete(member);
    view.release();
  }

  #expire(nowMs: number): void {
    for (const [member, transfer] of this.#transfers) if (expiryMs(transfer) <= nowMs) this.#release(member, transfer);
  }

  #expiresAtMs(): number | undefined {
    return this.#transfers.size === 0 ? undefined : Math.min(...[...this.#transfers.values()].map(expiryMs));
  }
}

const expiryMs = ({ openedAtMs, usedAtMs }: Transfer): number =>
  Math.min(openedAtMs + TRANSFER_MS_MAX, usedAtMs + TRANSFER_IDLE_MS);
