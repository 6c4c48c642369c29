import type { Editor } from "./editor.ts";
import { GarbageCollector } from "./garbage-collector.ts";

export interface GarbageOptions {
  /** Collect only if that many edges were removed since the last time: below, little can have become unreachable. */
  readonly looseMin?: number;
  /** Vertices removed at most, so that a checkpoint stays small; the rest is for the next time. */
  readonly removedMax?: number;
}

export const GARBAGE_REMOVED_MAX_DEFAULT = 1_000;

export type GarbageOutcome =
  | { readonly kind: "collected"; readonly removed: number /** Unreachable, and still there. */; readonly left: number }
  /** Below `looseMin`. */
  | { readonly kind: "notDue"; readonly looseCount: number }
  /** No vertex of a root type exists: everything would go, which nobody means. Nothing was done; insert a root. */
  | { readonly kind: "noRoots"; readonly vertexCount: number };

/** All in one piece: see {@link GarbageCollector} for a graph that is too large for that. */
export function collectGarbage(editor: Editor, options: GarbageOptions): GarbageOutcome {
  const { state } = editor;
  const { looseMin = 0, removedMax = GARBAGE_REMOVED_MAX_DEFAULT } = options;
  if (state.looseCount < looseMin) return { kind: "notDue", looseCount: state.looseCount };
  const collector = new GarbageCollector();
  if (collector.markIn(state, Number.POSITIVE_INFINITY) === "noRoots")
    return { kind: "noRoots", vertexCount: state.vertexCount };
  const { removed } = collector.sweepIn(editor, removedMax, Number.POSITIVE_INFINITY);
  const left = collector.unmarkedIn(state);
  if (left === 0) state.looseCount = 0;
  return { kind: "collected", removed, left };
}
