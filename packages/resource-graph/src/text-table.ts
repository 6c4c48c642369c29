import { TextArena } from "./text-arena.ts";

const SLOTS_FIRST = 2_048;
const NONE = 0;

/** Numbers of texts by their bytes: a hash table outside of the heap. */
export class TextTable {
  readonly #texts = new TextArena();
  /** Number of the text, and one more; {@link NONE} for nothing. At most half of them are taken. */
  #slots = new Uint32Array(SLOTS_FIRST);
  #hashes = new Uint32Array(SLOTS_FIRST / 2);

  /** Adds a text that is not there yet; numbers count up from 0. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const number = this.#texts.add(bytes, from, to);
    if (number === this.#hashes.length) this.#grow();
    const hash = hashOf(bytes, from, to);
    this.#hashes[number] = hash;
    this.#place(number, hash);
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

  #grow(): void {
    const hashes = this.#hashes;
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#hashes.set(hashes);
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 0; number < hashes.length; number++) this.#place(number, hashes[number] as number);
  }
}

/** FNV-1a, with its bits mixed once more: neighbouring numbers are what ids end in. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0;
}
