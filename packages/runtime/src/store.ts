/** One change of a batch. Ranges are half-open, `from <= key < to`; their ends need not exist (see {@link assertBounds}). */
export type StoreChange =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "deleteRange"; readonly from: string; readonly to: string };

export interface StoreRange {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
  readonly limit?: number;
  /** Largest key first. */
  readonly reverse?: boolean;
}

export type StoreEntry = readonly [key: string, value: Uint8Array];

/**
 * An entry: its key in ASCII from `keyFrom` to `keyTo` of `keys`, its value from `valueFrom` to `valueTo` of `values`. They are good until it
 * returns, which it does with whether to go on.
 */
export type VisitStored = (
  keys: Buffer,
  keyFrom: number,
  keyTo: number,
  values: Buffer,
  valueFrom: number,
  valueTo: number,
) => boolean;

export type StoreErrorCode =
  | "damaged"
  | "foreign"
  | "version"
  | "in-use"
  | "io"
  | "closed"
  | "bad-key"
  | "too-large"
  | "busy";

/** What went wrong with a store, where, and what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Keys are printable ASCII (0x20 … 0x7e), ordered by their bytes. */
export const KEY_CHARS_MAX = 1024;
export const VALUE_BYTES_MAX = 4 * 1024 * 1024;
/** Snapshots of one store that may be open at a time. */
export const SNAPSHOTS_MAX = 8;

/** The state as it was when this was taken, whatever is written since. To be released soon: it keeps old pages alive. */
export interface StoreSnapshot {
  get(key: string): Uint8Array | undefined;
  range(range: StoreRange): readonly StoreEntry[];
  /** Once; afterwards all else throws `closed`. */
  release(): void;
}

/**
 * Applied state: an ordered map with atomic batches. A batch is visible to reads as soon as `write` returns, and becomes
 * durable later, whole, in order of writing: a crash keeps a prefix of the batches. So it holds nothing that cannot be
 * rebuilt; what must not be lost goes through a {@link Journal} first. Values handed out and taken in are never changed.
 */
export interface Store {
  get(key: string): Uint8Array | undefined;
  /** Entries in key order, as of this call: later writes do not show. */
  range(range: StoreRange): readonly StoreEntry[];
  /**
   * What `range` gives, without making anything of it, for who goes through much; until `visit` says no. False when that cannot be had
   * now, and `range` is to be used; what was visited is void then. A store may leave it out.
   */
  scan?(range: Pick<StoreRange, "from" | "to">, visit: VisitStored): boolean;
  /**
   * Applies all changes, in order, or throws {@link StoreError} and applies none. `busy`: too much waits to become
   * durable; the same batch may be written again after a `flush`.
   */
  write(changes: readonly StoreChange[]): void;
  /**
   * A view of whole batches that does not change any more: of all batches that are durable, and perhaps of newer ones. O(1).
   * At most {@link SNAPSHOTS_MAX} at a time; throws `busy` beyond.
   */
  snapshot(): StoreSnapshot;
  /** `done` once all batches written so far are durable. */
  flush(done: () => void): void;
  /** Called once when batches can no longer be made durable. */
  onFailure(listener: (error: StoreError) => void): void;
  close(): Promise<void>;
}

/** Throws `bad-key` unless both ends are printable ASCII or 0x7f; empty is before all keys, "\x7f" after all. */
export function assertBounds({ from, to }: { readonly from: string; readonly to: string }): void {
  for (const bound of [from, to])
    if (bound.length > KEY_CHARS_MAX + 1 || !/^[\x20-\x7f]*$/.test(bound))
      throw new StoreError(
        "bad-key",
        `range end ${JSON.stringify(bound)}: only printable ASCII and \\x7f are allowed, at most ${KEY_CHARS_MAX + 1} characters`,
      );
}

/** Throws `bad-key` unless `key` is 1 … {@link KEY_CHARS_MAX} characters of printable ASCII. */
export function assertKey(key: string): void {
  if (key.length === 0 || key.length > KEY_CHARS_MAX)
    throw new StoreError("bad-key", `key of ${key.length} characters: 1 to ${KEY_CHARS_MAX} are allowed`);
  if (!isPrintable(key))
    throw new StoreError("bad-key", `key ${JSON.stringify(key)}: only printable ASCII is allowed; escape the rest`);
}

/** A loop, as a regular expression takes ten times as long, and this runs for each key that is written. */
function isPrintable(key: string): boolean {
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** What every store checks before it applies any change of a batch. Throws `bad-key` or `too-large`. */
export function assertChanges(changes: readonly StoreChange[]): void {
  for (const change of changes) {
    if (change.kind === "deleteRange") {
      assertBounds(change);
      continue;
    }
    assertKey(change.key);
    if (change.kind === "put" && change.value.length > VALUE_BYTES_MAX)
      throw new StoreError(
        "too-large",
        `value of ${change.value.length} bytes for key ${change.key}: at most ${VALUE_BYTES_MAX} are taken; spread it over several keys`,
      );
  }
}
