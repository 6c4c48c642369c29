import type { TextArena } from "./text-arena.ts";

const SLOTS_FIRST = 2_048;
const NONE = 0;

/** Finds an arena's texts by their bytes: a hash table outside of the heap, of the texts that are there when it is made. */
export class TextIndex {
  readonly #texts: TextArena;
  /** Number of the text, and one more; {@link NONE} for nothing. At most half of them are taken. */
  readonly #slots: Uint32Array;
  readonly #hashes: Uint32Array;

  constructor(texts: TextArena) {
    let size = SLOTS_FIRST;
    while (size < 2 * texts.count) size *= 2;
    this.#texts = texts;
    this.#slots = new Uint32Array(size);
    this.#hashes = new Uint32Array(texts.count);
    for (let number = 0; number < texts.count; number++) {
      const hash = texts.visit(number, hashOf);
      this.#hashes[number] = hash;
      this.#place(number, hash);
    }
  }

  /** `undefined` when it is not there. */
  find(bytes: Uint8Array, from: number, to: number): number | undefined {
    const mask = this.#slots.length - 1;
    const hash = hashOf(bytes, from, to);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot] as number;
      if (found === NONE) return undefined;
      if (this.#hashes[found - 1] === hash && this.#texts.is(found - 1, bytes, from, to)) return found - 1;
    }
  }

  #place(number: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = number + 1;
  }
}

/** FNV-1a, with its bits mixed once more: neighbouring numbers are what ids end in. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0;
}
