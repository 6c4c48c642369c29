import { KEY_CHARS_MAX } from "@halon/runtime";
import type { Database, GetOptions, Transaction } from "lmdb";
import type { Change } from "./overlay.ts";

export type State = Database<Uint8Array, string>;

const NO_BYTES = new Uint8Array(0);

/** What the database has for a key, now or in a read transaction. */
export function storedValue(state: State, key: string, transaction?: Transaction): Uint8Array | undefined {
  if (key.length === 0 || key.length > KEY_CHARS_MAX) return undefined;
  // Its types leave out what it takes, as `get` does.
  const fast = state.getBinaryFast as (key: string, options?: GetOptions) => Buffer | undefined;
  return copyOf(fast.call(state, key, transaction && { transaction }));
}

/** What the database has with `from <= key < to`, now or in a read transaction. */
export function* storedEntries(
  state: State,
  from: string,
  to: string,
  reverse: boolean,
  transaction?: Transaction,
): Generator<readonly [key: string, value: Uint8Array]> {
  const within = transaction && { transaction };
  if (!reverse) {
    for (const { key, value } of state.getRange({ ...rangeOf(from, to), ...within })) yield [key, value];
    return;
  }
  // LMDB's reverse ranges begin *with* their start and leave out their end.
  for (const { key, value } of state.getRange({ start: to, reverse: true, ...within })) {
    if (key < from) return;
    if (key < to) yield [key, value];
  }
}

/** The keys alone, as entries without bytes. */
export function* storedKeys(state: State, from: string, to: string): Generator<readonly [string, Change]> {
  for (const key of state.getKeys(rangeOf(from, to))) yield [key, NO_BYTES];
}

/**
 * The value out of LMDB's one buffer, which the next read overwrites and whose `length` is the value's and not its own: so
 * no method of the buffer copies it right. Half the time of `getBinary`.
 */
function copyOf(volatile: Buffer | undefined): Uint8Array | undefined {
  if (volatile === undefined) return undefined;
  const copy = Buffer.allocUnsafe(volatile.length);
  copy.set(new Uint8Array(volatile.buffer, volatile.byteOffset, volatile.length));
  return copy;
}

/** Key order is byte order here: printable ASCII goes into LMDB's key encoding unchanged. */
const rangeOf = (from: string, to: string): { start?: string; end: string } =>
  from === "" ? { end: to } : { start: from, end: to };
