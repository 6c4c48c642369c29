import { createHash } from "node:crypto";
import { INSTALLING_KEY, type View } from "@halon/replicated-log";
import type { SortedMap } from "@halon/runtime";
import { END, type SnapshotEntry, type SnapshotReply, type SnapshotRequest } from "./frame.ts";

/** Keys and values that travel in one message, unless a single value is larger. */
export const RANGE_BYTES_MAX = 256 * 1024;
/** Answers that one request may have, more than the first: what is on its way, and waits to be written. */
export const AHEAD_MAX = 15;
/** What an entry counts beside its key and value: bounds their number, and so the time that a range takes. */
const ENTRY_BYTES = 64;
/** Changed keys that one message tells of. */
const CHANGES_MAX = 1_024;
/** Entries read from a store at a time: many of small ones, few of large ones. */
const PIECE_ENTRIES_MIN = 4;
const PIECE_ENTRIES_MAX = 512;

/** All entries with `from <= key < to`. */
export interface GatheredRange {
  readonly from: string;
  readonly to: string;
  readonly entries: readonly SnapshotEntry[];
  readonly bytesCount: number;
}

/** The smallest key above `key`. */
export const keyAfter = (key: string): string => `${key} `;

/**
 * The entries from `from` on, as far as they fit into one message, at least one if there is one. The range that is returned
 * ends at `to`, or behind the last entry. What is noted of installing is left out.
 */
export function gatherRange(view: View, from: string, to: string, bytesMax = RANGE_BYTES_MAX): GatheredRange {
  const entries: SnapshotEntry[] = [];
  let bytesCount = 0;
  let limit = PIECE_ENTRIES_MIN;
  for (let next = from; ; ) {
    const piece = view.range({ from: next, to, limit });
    for (const [key, value] of piece) {
      next = keyAfter(key);
      if (key === INSTALLING_KEY) continue;
      const cost = ENTRY_BYTES + key.length + value.byteLength;
      const last = entries.at(-1);
      if (last !== undefined && bytesCount + cost > bytesMax)
        return { from, to: keyAfter(last[0]), entries, bytesCount };
      entries.push([key, value]);
      bytesCount += cost;
    }
    if (piece.length < limit) return { from, to, entries, bytesCount };
    const meanBytes = Math.max(1, bytesCount / Math.max(1, entries.length));
    const fitting = Math.ceil((bytesMax - bytesCount) / meanBytes);
    limit = Math.max(PIECE_ENTRIES_MIN, Math.min(PIECE_ENTRIES_MAX, fitting, limit * 8));
  }
}

/** What is there, and what is not any more, of the `changed` keys with `from <= key < to`. */
export interface GatheredChanges {
  readonly to: string;
  readonly entries: readonly SnapshotEntry[];
  readonly deleted: readonly string[];
}

/**
 * As many as fit into one message, at least one if there is one. A value that is too large for a message is the only thing
 * before the `to` that is returned.
 */
export function gatherChanges(
  view: View,
  changed: SortedMap<true>,
  from: string,
  to: string,
  bytesMax = RANGE_BYTES_MAX,
): GatheredChanges {
  const entries: SnapshotEntry[] = [];
  const deleted: string[] = [];
  let bytesCount = 0;
  let last: string | undefined;
  for (const [key] of changed.entries(from, to)) {
    const value = key === INSTALLING_KEY ? undefined : view.get(key);
    bytesCount += ENTRY_BYTES + key.length + (value?.byteLength ?? 0);
    const isFull = bytesCount > bytesMax || entries.length + deleted.length >= CHANGES_MAX;
    if (last !== undefined && isFull) return { to: keyAfter(last), entries, deleted };
    last = key;
    if (value !== undefined) entries.push([key, value]);
    else if (key !== INSTALLING_KEY) deleted.push(key);
  }
  return { to, entries, deleted };
}

/** SHA-256 of keys and values, each behind its length, so that no two ranges of entries are the same bytes. */
export function digestOfEntries(entries: readonly SnapshotEntry[]): Uint8Array {
  const hash = createHash("sha256");
  const lengths = Buffer.alloc(8);
  for (const [key, value] of entries) {
    lengths.writeUInt32LE(key.length, 0);
    lengths.writeUInt32LE(value.byteLength, 4);
    hash.update(lengths).update(key, "latin1").update(value);
  }
  return hash.digest();
}

/** Stands for that of no entries that are known. */
export const NO_DIGEST = new Uint8Array(32);

/** What is answered after this; `undefined` when that is to be asked for. */
export function requestAfter(request: SnapshotRequest, { to, body }: SnapshotReply): SnapshotRequest | undefined {
  const end = request.since > 0 ? request.to : END;
  const isOver = request.ahead === 0 || to === end || (body.kind !== "entries" && body.kind !== "changes");
  const ahead = Math.min(request.ahead, AHEAD_MAX) - 1;
  return isOver ? undefined : { ...request, from: to, to: end, offset: 0, digest: NO_DIGEST, ahead };
}
