import type { Random } from "../random.ts";
import type { StoreChange, StoreRange } from "../store.ts";
import { pick } from "./suite.ts";

export const ALL: StoreRange = { from: "", to: "\x7f" };

export const bytesOf = (content: string): Uint8Array => Buffer.from(content, "latin1");
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString("latin1");
export const put = (key: string, value = key): StoreChange => ({ kind: "put", key, value: bytesOf(value) });
export const remove = (key: string): StoreChange => ({ kind: "delete", key });
export const removeRange = (from: string, to: string): StoreChange => ({ kind: "deleteRange", from, to });

/** The obvious store: a Map, sorted for each range. */
export class Twin {
  readonly #entries: Map<string, string>;

  constructor(entries: Iterable<readonly [string, string]> = []) {
    this.#entries = new Map(entries);
  }

  with(changes: readonly StoreChange[]): Twin {
    const entries = new Map(this.#entries);
    for (const change of changes) {
      if (change.kind === "put") entries.set(change.key, text(change.value) as string);
      else if (change.kind === "delete") entries.delete(change.key);
      else for (const key of [...entries.keys()]) if (key >= change.from && key < change.to) entries.delete(key);
    }
    return new Twin(entries);
  }

  get(key: string): string | undefined {
    return this.#entries.get(key);
  }

  content({ from, to, limit, reverse }: StoreRange): string[] {
    const inside = [...this.#entries].filter(([key]) => key >= from && key < to);
    inside.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)) * (reverse ? -1 : 1));
    return inside.slice(0, limit ?? inside.length).map(([key, value]) => `${key}=${value}`);
  }
}

const ALPHABET = [" ", "!", "/", "0", "A", "a", "b", "~"];

export const randomKey = (random: Random): string =>
  Array.from({ length: 1 + pick(random, 3) }, () => ALPHABET[pick(random, ALPHABET.length)] as string).join("");

export function randomBatch(random: Random): StoreChange[] {
  return Array.from({ length: pick(random, 8) }, () => {
    const kind = pick(random, 10);
    if (kind < 6) return put(randomKey(random), "v".repeat(pick(random, 20)) + random.u32());
    return kind < 9 ? remove(randomKey(random)) : removeRange(randomKey(random), randomKey(random));
  });
}

export function randomRange(random: Random): StoreRange {
  const range = pick(random, 4) === 0 ? ALL : { from: randomKey(random), to: randomKey(random) };
  return {
    ...range,
    ...(pick(random, 2) === 0 ? { limit: pick(random, 6) } : {}),
    ...(pick(random, 2) === 0 ? { reverse: true } : {}),
  };
}
