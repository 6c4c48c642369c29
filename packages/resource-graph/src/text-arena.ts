import { assert } from "./graph-error.ts";

/** Texts do not cross the ends of chunks, so it is the longest text too. */
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_BITS = 20;
const CAPACITY_FIRST = 1_024;

/**
 * Bytes of many texts, one after the other and outside of the heap: for the garbage collector a million of them is
 * nothing. What was added stays as long as the arena.
 */
export class TextArena {
  readonly #chunks: Buffer[] = [];
  #used = CHUNK_BYTES;
  #starts = new Uint32Array(CAPACITY_FIRST);
  #lengths = new Uint32Array(CAPACITY_FIRST);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Copies the text; gives its number. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    assert(length <= CHUNK_BYTES, `a text of ${length} bytes is kept whole`);
    if (this.#used + length > CHUNK_BYTES) {
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#used = 0;
    }
    const chunk = this.#chunks[this.#chunks.length - 1] as Buffer;
    if (length > 0) copyInto(chunk, this.#used, bytes, from, to);
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = (this.#chunks.length - 1) * CHUNK_BYTES + this.#used;
    this.#lengths[this.#count] = length;
    this.#used += length;
    return this.#count++;
  }

  text(number: number): string {
    const start = this.#starts[number] as number;
    const chunk = this.#chunks[start >>> CHUNK_BITS] as Buffer;
    const at = start & (CHUNK_BYTES - 1);
    return chunk.toString("utf8", at, at + (this.#lengths[number] as number));
  }

  /** One of latin1. */
  latin1(number: number): string {
    return this.visit(number, (chunk, from, to) => chunk.toString("latin1", from, to));
  }

  /** Has `look` look at the text where it lies. */
  visit<Seen>(number: number, look: (chunk: Buffer, from: number, to: number) => Seen): Seen {
    const start = this.#starts[number] as number;
    const at = start & (CHUNK_BYTES - 1);
    return look(this.#chunks[start >>> CHUNK_BITS] as Buffer, at, at + (this.#lengths[number] as number));
  }

  /** How many of these bytes the text begins with. */
  alike(number: number, bytes: Uint8Array, from: number, to: number): number {
    const start = this.#starts[number] as number;
    const chunk = this.#chunks[start >>> CHUNK_BITS] as Buffer;
    const at = start & (CHUNK_BYTES - 1);
    const most = Math.min(to - from, this.#lengths[number] as number);
    let alike = 0;
    while (alike < most && chunk[at + alike] === bytes[from + alike]) alike++;
    return alike;
  }

  /** `undefined` at its end. */
  byteAt(number: number, offset: number): number | undefined {
    return this.visit(number, (chunk, from, to) => (from + offset < to ? chunk[from + offset] : undefined));
  }

  /** Whether the text is these bytes. */
  is(number: number, bytes: Uint8Array, from: number, to: number): boolean {
    const length = to - from;
    if (this.#lengths[number] !== length) return false;
    const start = this.#starts[number] as number;
    const chunk = this.#chunks[start >>> CHUNK_BITS] as Buffer;
    const at = start & (CHUNK_BYTES - 1);
    // Those that begin alike are many, so the end tells first.
    for (let offset = length - 1; offset >= 0; offset--) if (chunk[at + offset] !== bytes[from + offset]) return false;
    return true;
  }

  #grow(): void {
    const [starts, lengths] = [this.#starts, this.#lengths];
    this.#starts = new Uint32Array(starts.length * 2);
    this.#lengths = new Uint32Array(starts.length * 2);
    this.#starts.set(starts);
    this.#lengths.set(lengths);
  }
}

/** Short ones by hand: a call of `set` takes longer than they do. */
function copyInto(target: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): void {
  if (to - from > COPIED_BY_HAND_MAX) target.set(bytes.subarray(from, to), at);
  else for (let next = from; next < to; next++) target[at + next - from] = bytes[next] as number;
}

const COPIED_BY_HAND_MAX = 48;
