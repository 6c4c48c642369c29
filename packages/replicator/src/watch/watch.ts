import { KEY_CHARS_MAX } from "@halon/runtime";

/** One key as one decree left it. Of several changes of a key in one decree only the last is told. */
export interface StateChange {
  /** Number of the decree that made it: the same on all members. */
  readonly index: number;
  readonly key: string;
  /** `undefined`: the key is gone. */
  readonly value: Uint8Array | undefined;
}

/** What to watch, and from where on. */
export interface WatchFrom {
  /** The state as of this decree is known to the watcher: it is told of all that was changed behind it. */
  readonly after: number;
  /** Only keys that begin with it; all when left out. */
  readonly prefix?: string;
}

/**
 * What a watcher is told.
 * - `changes`: all changes of decrees behind the last news, up to decree `upTo`, in order; whole decrees only. None, when
 *   nothing was changed up to there.
 * - `resync`: what was changed is not known any more, or not here. Read the state, as of decree `index` or later, and watch from
 *   there. The watch is over.
 * - `refused`: these keys cannot be watched here. The watch is over.
 */
export type WatchNews =
  | { readonly kind: "changes"; readonly upTo: number; readonly changes: readonly StateChange[] }
  | { readonly kind: "resync"; readonly index: number }
  | { readonly kind: "refused"; readonly message: string };

/** One question of a watcher to a member. */
export interface WatchRequest {
  readonly after: number;
  readonly prefix: string;
  /** Longest to wait for a change. */
  readonly waitMs: number;
  /** Whose decrees `after` counts, as the first answer said; empty when not known yet. */
  readonly group: string;
}

/**
 * Why a member does not answer: `busy`: too many watch here; `behind`: it has applied less than the watcher knows;
 * `unavailable`: its state is being replaced. All of them another member may answer. `not-watched`: none does.
 */
export type WatchRefusalCode = "busy" | "behind" | "unavailable" | "not-watched";

export type WatchAnswer = { readonly group: string } & (
  | Exclude<WatchNews, { readonly kind: "refused" }>
  | { readonly kind: "refused"; readonly code: WatchRefusalCode; readonly message: string }
);

/** Longest that a member lets a watcher wait for a change. */
export const WATCH_WAIT_MS_MAX = 5_000;
/** Bytes of changes in one answer, keys included; a decree that has more sends its watchers to the state. */
export const ANSWER_BYTES_MAX = 512 * 1024;
/** What a change takes beside its key and its value. */
const CHANGE_OVERHEAD_BYTES = 24;

export const bytesOf = ({ key, value }: Pick<StateChange, "key" | "value">): number =>
  key.length + (value?.byteLength ?? 0) + CHANGE_OVERHEAD_BYTES;

/** Printable ASCII, as keys are; may be empty. */
export const isPrefix = (text: string): boolean => text.length <= KEY_CHARS_MAX && /^[\x20-\x7e]*$/.test(text);
