import { decodeStoredGroup, type PositionRange, type StoredGroup } from "@halon/proto";
import type { View } from "@halon/replicated-log";
import { countOf } from "./event-group.ts";
import type { LaneNumber } from "./priority.ts";
import { headOf, readJson } from "./queue-counts.ts";
import type { Spans } from "./spans.ts";

const digits = (position: number): string => position.toString().padStart(16, "0");

/** A group stands under the position of its first event; positions rise over all lanes. */
export const groupKey = (lane: LaneNumber, position: number): string => `q/${lane}/${digits(position)}`;
/** Which of a group's events have been consumed, as long as not all have. */
export const consumedKey = (position: number): string => `qx/${digits(position)}`;
const laneEnd = (lane: LaneNumber): string => `q/${lane}0`;

/** A group in the queue, and which of its events have been consumed, by their place in it. */
export interface Standing {
  readonly key: string;
  readonly stored: Required<StoredGroup>;
  readonly count: number;
  readonly consumed: Spans;
}

function standingOf(view: View, key: string, bytes: Uint8Array): Standing {
  const stored = decodeStoredGroup(bytes) as Required<StoredGroup>;
  return { key, stored, count: countOf(stored.group), consumed: consumedOf(view, stored.position) };
}

const consumedOf = (view: View, position: number): Spans => {
  const bytes = view.get(consumedKey(position));
  return bytes === undefined ? [] : readJson<Spans>(bytes);
};

/** Groups read at a time; one has up to 256 KiB. */
const PIECE_GROUPS = 16;

/** The groups of a lane that have events from `first` to `last`, in order. */
export function* groupsFrom(
  view: View,
  lane: LaneNumber,
  first: number,
  last = Number.POSITIVE_INFINITY,
): Generator<Standing, void, undefined> {
  const head = headOf(view, lane);
  let from = groupKey(lane, Math.max(first, head));
  const to = Number.isFinite(last) ? groupKey(lane, last + 1) : laneEnd(lane);
  const [before] = first <= head ? [] : view.range({ from: groupKey(lane, head), to: from, limit: 1, reverse: true });
  if (before !== undefined) {
    const standing = standingOf(view, ...before);
    if (standing.stored.position + standing.count > first) yield standing;
  }
  for (;;) {
    const piece = from < to ? view.range({ from, to, limit: PIECE_GROUPS }) : [];
    for (const [key, bytes] of piece) yield standingOf(view, key, bytes);
    const end = piece.at(-1);
    if (end === undefined || piece.length < PIECE_GROUPS) return;
    from = `${end[0]} `;
  }
}

/** By positions, those of a group that have been consumed. */
export const consumedRanges = (lane: LaneNumber, { stored, consumed }: Standing): readonly PositionRange[] =>
  consumed.map(([from, to]) => ({ first: stored.position + from, last: stored.position + to - 1, priority: lane }));
