import type { Transaction, View } from "@halon/replicated-log";
import { KEY_CHARS_MAX } from "@halon/runtime";
import { StateRefusal } from "./state-refusal.ts";
import type { ValueCodec } from "./value-codec.ts";

export interface EntriesQuery {
  /** Only keys that begin with it. */
  readonly prefix?: string;
  /** Only keys behind this one. */
  readonly after?: string;
  /** {@link ENTRIES_MAX} when left out. */
  readonly limit?: number;
}

/** A state as a projection sees it: values by key, in the order of the keys. */
export interface StateView<Value> {
  get(key: string): Value | undefined;
  /** In key order; at most `limit`: go on behind the last one. */
  entries(query?: EntriesQuery): readonly (readonly [key: string, value: Value])[];
}

/** A state as a command sees it. What it sets it sees at once. */
export interface StateDraft<Value> extends StateView<Value> {
  set(key: string, value: Value): void;
  delete(key: string): void;
}

/** Entries that are read at a time unless more are asked for. */
export const ENTRIES_MAX = 1_024;
/** All keys of a data store begin with it. */
export const PREFIX = "s/";

/** The key as it is stored. Throws {@link StateRefusal} for one that none can have. */
function storedKey(key: string): string {
  const isKey = key.length > 0 && key.length + PREFIX.length <= KEY_CHARS_MAX && /^[\x20-\x7e]*$/.test(key);
  if (!isKey)
    throw new StateRefusal(
      `key ${JSON.stringify(key.slice(0, 80))}: 1 to ${KEY_CHARS_MAX - PREFIX.length} characters of printable ASCII`,
    );
  return PREFIX + key;
}

export class TypedView<Value> implements StateView<Value> {
  readonly #view: View;
  readonly #values: ValueCodec<Value>;

  constructor(view: View, values: ValueCodec<Value>) {
    this.#view = view;
    this.#values = values;
  }

  get(key: string): Value | undefined {
    const bytes = this.#view.get(storedKey(key));
    return bytes === undefined ? undefined : this.#values.decode(bytes);
  }

  entries({ prefix = "", after, limit = ENTRIES_MAX }: EntriesQuery = {}) {
    const first = PREFIX + (prefix === "" ? "" : storedKey(prefix).slice(PREFIX.length));
    // A key followed by the lowest character there is: the next key that can be.
    const behind = after === undefined || after === "" ? "" : `${storedKey(after)} `;
    const [, from = first] = [first, behind].sort();
    const range = { from, to: `${first}\x7f`, limit: Math.max(1, Math.floor(limit)) };
    return this.#view
      .range(range)
      .map(([key, bytes]) => [key.slice(PREFIX.length), this.#values.decode(bytes)] as const);
  }
}

export class TypedDraft<Value> extends TypedView<Value> implements StateDraft<Value> {
  readonly #transaction: Transaction;
  readonly #codec: ValueCodec<Value>;

  constructor(transaction: Transaction, values: ValueCodec<Value>) {
    super(transaction, values);
    this.#transaction = transaction;
    this.#codec = values;
  }

  set(key: string, value: Value): void {
    this.#transaction.put(storedKey(key), this.#codec.encode(value));
  }

  delete(key: string): void {
    this.#transaction.delete(storedKey(key));
  }
}
