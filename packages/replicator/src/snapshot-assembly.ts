import { readState, StateDigest, type View } from "@halon/replicated-log";
import type { StoreChange } from "@halon/runtime";
import {
  END,
  type InstallProgress,
  NO_PROGRESS,
  type SnapshotEntry,
  type SnapshotReply,
  type SnapshotReplyBody,
  type SnapshotRequest,
} from "./frame.ts";
import { AHEAD_MAX, digestOfEntries, gatherRange, NO_DIGEST } from "./snapshot-range.ts";

/** What has come in, in this life. */
export interface AssemblyCounters {
  /** Ranges that had to travel, and that did not. */
  readonly ranges: number;
  readonly rangesSame: number;
  /** Keys and values received. */
  readonly receivedBytes: number;
}

/** A value that comes in parts. */
interface Partial {
  readonly pieces: Uint8Array[];
  bytesCount: number;
}

/**
 * A peer's state, as far as it has come: what to ask next, and what to write for an answer. First all ranges are walked
 * through; then, in a *round*, what has changed from one snapshot to a newer one is put on top, which may also be done in the
 * middle of the walk. The digest of what is there is kept up to date, so that in the end nothing is read again.
 */
export class SnapshotAssembly {
  readonly #view: View;
  readonly #rangeBytesMax: number | undefined;
  #progress = NO_PROGRESS;
  #digest = new StateDigest();
  /** What is here of the range that was asked for last. */
  #own: readonly SnapshotEntry[] = [];
  /** The last range was here already, and the next ones may be. */
  #wasSame = true;
  #partial: Partial | undefined;
  #counters = { ranges: 0, rangesSame: 0, receivedBytes: 0 };

  /** `view`: the state that is replaced, with all that was written. */
  constructor(view: View, rangeBytesMax: number | undefined) {
    this.#view = view;
    this.#rangeBytesMax = rangeBytesMax;
  }

  /** As noted in the store, or about to be. */
  get progress(): InstallProgress {
    return this.#progress;
  }

  get counters(): AssemblyCounters {
    return this.#counters;
  }

  /** Goes on from there. */
  resume(progress: InstallProgress): void {
    this.#progress = progress;
    this.#digest = StateDigest.parse(progress.digest);
    this.#wasSame = true;
    this.#partial = undefined;
  }

  /** From the first key on. What is here of an earlier one is compared. */
  begin(peer: string, decree: number): void {
    this.resume({ ...NO_PROGRESS, peer, decree });
  }

  /** A newer snapshot is there, and what has changed up to it can be told. */
  beginRound(decree: number): void {
    const { decree: since, next } = this.#progress;
    this.#partial = undefined;
    // Nothing has come that could have changed.
    if (next === "") this.#progress = { ...this.#progress, decree };
    else this.#progress = { ...this.#progress, decree, since, walked: next, next: "" };
  }

  /** All of one snapshot is here. */
  get isComplete(): boolean {
    return this.#progress.next === END && this.#progress.since === 0;
  }

  /** What is complete is what it says itself, and goes as far as it must. */
  isSound(atLeast: number): boolean {
    try {
      const { applied, membership, digest } = readState(this.#view);
      return applied >= atLeast && membership !== undefined && digest === this.#digest.toString();
    } catch {
      return false;
    }
  }

  /** What is lacking next. */
  request(atLeast: number): SnapshotRequest {
    const { decree, since, next: from, walked } = this.#progress;
    const offset = this.#partial?.bytesCount ?? 0;
    if (since > 0) return { decree, since, atLeast, from, to: walked, digest: NO_DIGEST, offset, ahead: AHEAD_MAX };
    const { entries, to } = gatherRange(this.#view, from, END, this.#rangeBytesMax);
    this.#own = entries;
    const ahead = this.#wasSame && entries.length > 0 ? 0 : AHEAD_MAX;
    return { decree, since, atLeast, from, to, digest: digestOfEntries(entries), offset, ahead };
  }

  /** Whether it can go on from what is here to a newer snapshot. */
  requestRound(atLeast: number): SnapshotRequest {
    const { decree: since } = this.#progress;
    return { decree: 0, since, atLeast, from: "", to: END, digest: NO_DIGEST, offset: 0, ahead: 0 };
  }

  /** An answer to what was asked. A `same` of what is no longer here, or a part that has come already, says nothing new. */
  answers(asked: SnapshotRequest, { body, ...reply }: SnapshotReply): boolean {
    const { decree, since, from, to, digest } = asked;
    if (reply.decree !== decree || reply.since !== since || reply.from !== from) return false;
    // What follows an answer to the end of the range is not bound by it.
    if (reply.to > to) return false;
    if (body.kind === "part") return body.offset === (this.#partial?.bytesCount ?? 0);
    if (body.kind === "changes") return since > 0;
    if (body.kind === "same") return since === 0 && reply.to === to && Buffer.compare(body.digest, digest) === 0;
    return body.kind === "entries" && since === 0;
  }

  /** What to write for an answer; `undefined` as long as more of one value is to come. */
  take({ from, to, body }: SnapshotReply): readonly StoreChange[] | undefined {
    const changes: StoreChange[] = [];
    const entries = this.#entriesOf(body);
    if (entries === undefined) return undefined;
    if (this.#progress.since > 0) this.#change(entries, body.kind === "changes" ? body.deleted : [], changes);
    else {
      for (const [key, value] of entries) this.#digest.add(key, value);
      if (body.kind === "same") this.#counters.rangesSame++;
      else {
        changes.push({ kind: "deleteRange", from, to });
        for (const [key, value] of entries) changes.push({ kind: "put", key, value });
      }
    }
    if (body.kind !== "same") this.#counters.ranges++;
    this.#wasSame = body.kind === "same";
    this.#partial = undefined;
    this.#advance(to);
    return changes;
  }

  #entriesOf(body: SnapshotReplyBody): readonly SnapshotEntry[] | undefined {
    if (body.kind === "same") return this.#own;
    if (body.kind === "part") return this.#join(body);
    if (body.kind !== "entries" && body.kind !== "changes") return [];
    for (const [key, value] of body.entries) this.#counters.receivedBytes += key.length + value.byteLength;
    return body.entries;
  }

  /** On top of what has come already. */
  #change(entries: readonly SnapshotEntry[], deleted: readonly string[], changes: StoreChange[]): void {
    for (const key of deleted) {
      this.#forget(key);
      changes.push({ kind: "delete", key });
    }
    for (const [key, value] of entries) {
      this.#forget(key);
      this.#digest.add(key, value);
      changes.push({ kind: "put", key, value });
    }
  }

  /** What is there under the key is about to go. */
  #forget(key: string): void {
    const before = this.#view.get(key);
    if (before !== undefined) this.#digest.remove(key, before);
  }

  #advance(to: string): void {
    const { since, walked } = this.#progress;
    const isRoundOver = since > 0 && to === walked;
    const digest = this.#digest.toString();
    this.#progress = { ...this.#progress, next: to, digest, ...(isRoundOver && { since: 0, walked: "" }) };
  }

  /** The value when it is complete. */
  #join({ key, bytes, bytesCount }: SnapshotReplyBody & { kind: "part" }): readonly SnapshotEntry[] | undefined {
    this.#partial ??= { pieces: [], bytesCount: 0 };
    this.#partial.pieces.push(bytes);
    this.#partial.bytesCount += bytes.byteLength;
    this.#counters.receivedBytes += bytes.byteLength;
    return this.#partial.bytesCount < bytesCount ? undefined : [[key, Buffer.concat(this.#partial.pieces)]];
  }
}
