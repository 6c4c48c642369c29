import type { AppliedStore, Change, KeyRange } from "@halon/replicated-log";

/** The obvious, slow store: sorts all keys at every look. */
export class MapStore implements AppliedStore {
  readonly entries = new Map<string, Uint8Array>();
  batches = 0;

  get(key: string): Uint8Array | undefined {
    return this.entries.get(key);
  }

  range({ from, to, limit, reverse }: KeyRange): readonly (readonly [string, Uint8Array])[] {
    const sorted = [...this.entries].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
    return (reverse ? sorted.reverse() : sorted).slice(0, limit);
  }

  write(changes: readonly Change[]): void {
    this.batches++;
    for (const change of changes)
      if (change.kind === "put") this.entries.set(change.key, change.value);
      else this.entries.delete(change.key);
  }

  keys(prefix: string): string[] {
    return [...this.entries.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (value: Uint8Array | undefined): string | undefined => value && decoder.decode(value);
