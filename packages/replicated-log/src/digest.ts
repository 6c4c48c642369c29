import { assert } from "@halon/consensus";
import type { View } from "./transaction.ts";

/** Number of the last decree applied, and log time. */
export const POSITION_KEY = "~position";
/** Digest of the state. */
export const DIGEST_KEY = "~digest";
/** Present while the state is being replaced by that of a peer: it is not to be used. */
export const INSTALLING_KEY = "~installing";

/** These are about the state, not of it; the digest leaves them out. */
const LEFT_OUT: ReadonlySet<string> = new Set([POSITION_KEY, DIGEST_KEY, INSTALLING_KEY]);

/** The two hashes of an entry, 32 bits each. */
export interface Lanes {
  low: number;
  high: number;
}

/**
 * Hashes the bytes of `view` from `from` to `to` into `lanes`, which hold the seeds. The low one is MurmurHash3 (x86, 32 bits; Austin Appleby, public
 * domain), the high one a cheaper rotate-and-multiply over the same words, so that they fail in different places.
 */
export function hash(view: DataView, lanes: Lanes, from: number, to: number): void {
  let { low, high } = lanes;
  const length = to - from;
  const whole = from + (length & ~3);
  for (let at = from; at < whole; at += 4) {
    const word = view.getInt32(at, true);
    low ^= scramble(word);
    low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
    high ^= word;
    high = Math.imul((high << 11) | (high >>> 21), 0x9e3779b1);
  }
  let tail = 0;
  for (let at = to - 1; at >= whole; at--) tail = (tail << 8) | view.getUint8(at);
  if (whole < to) {
    low ^= scramble(tail);
    high = Math.imul(high ^ tail, 0x9e3779b1);
  }
  lanes.low = finish(low ^ length);
  lanes.high = finish(high ^ length);
}

const LOW_BEGIN = 0x811c9dc5;
const HIGH_BEGIN = 0x9747b28c;
const TILDE = 0x7e;
const KEY_CHARS_MAX = 1_024;

/** The same as {@link seed} for keys in memory, which goes on from where a key is no longer like the one before. */
class KeySeeds {
  /** Before the character of that place, in the key before. */
  readonly #lows = new Int32Array(KEY_CHARS_MAX + 1).fill(LOW_BEGIN | 0, 0, 1);
  readonly #highs = new Int32Array(KEY_CHARS_MAX + 1).fill(HIGH_BEGIN | 0, 0, 1);

  seed(bytes: Uint8Array, from: number, to: number, alike: number, lanes: Lanes): void {
    const length = to - from;
    if (alike > length || length > KEY_CHARS_MAX)
      assert(false, `a key of ${length} characters, ${alike} of them as before`);
    let low = this.#lows[alike] as number;
    let high = this.#highs[alike] as number;
    for (let at = alike; at < length; at++) {
      const code = bytes[from + at] as number;
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul((high << 5) | (high >>> 27), 0x85ebca6b) ^ code;
      this.#lows[at + 1] = low;
      this.#highs[at + 1] = high;
    }
    lanes.low = finish(low ^ length);
    lanes.high = finish(high ^ length);
  }
}

/** Makes the seeds of a value's hashes from its key. */
function seed(key: string, lanes: Lanes): void {
  let low = LOW_BEGIN;
  let high = HIGH_BEGIN;
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul((high << 5) | (high >>> 27), 0x85ebca6b) ^ code;
  }
  lanes.low = finish(low ^ key.length);
  lanes.high = finish(high ^ key.length);
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finish(mixing: number): number {
  let mixed = Math.imul(mixing ^ (mixing >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const NOTHING: Lanes = { low: 0, high: 0 };

/**
 * A sum over all entries, in two lanes modulo 2^32: the same whatever the order in which they came to be, and cheap to keep
 * up to date. Tells accidents apart, not forgeries.
 */
export class StateDigest {
  /** The two lanes, as signed numbers: those of parts of a state add up to those of the whole. */
  low = 0;
  high = 0;
  readonly #lanes: Lanes = { low: 0, high: 0 };
  readonly #seeds = new KeySeeds();
  /** Of the buffer in which the last value lay: many lie in the same, and a view costs half as much as a hash. */
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** What {@link toString} gave; throws a `RangeError` on anything else. */
  static parse(text: string): StateDigest {
    if (!/^[0-9a-f]{16}$/.test(text))
      throw new RangeError(`${JSON.stringify(text)} is no digest: 16 hexadecimal digits`);
    const digest = new StateDigest();
    digest.high = Number.parseInt(text.slice(0, 8), 16) | 0;
    digest.low = Number.parseInt(text.slice(8), 16) | 0;
    return digest;
  }

  /** An entry has come. Those that the digest leaves out change nothing. */
  add(key: string, value: Uint8Array): void {
    this.#plus(this.#hash(key, value), 1);
  }

  /** An entry that was added has gone. */
  remove(key: string, value: Uint8Array): void {
    this.#plus(this.#hash(key, value), -1);
  }

  /** An entry was `before` and is `after` now; `undefined`: it was not there, or is gone. */
  change(key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    if (before !== undefined) this.remove(key, before);
    if (after !== undefined) this.add(key, after);
  }

  #plus({ low, high }: Lanes, sign: 1 | -1): void {
    this.low = (this.low + sign * low) | 0;
    this.high = (this.high + sign * high) | 0;
  }

  /**
   * The same for an entry that lies in memory: its key in ASCII from `keyFrom` to `keyTo` of `keys`, its value from `valueFrom` to
   * `valueTo` of `values`. The first `alike` bytes of the key are those of the key before, in the last call of this.
   */
  addFrom(
    keys: Uint8Array,
    keyFrom: number,
    keyTo: number,
    alike: number,
    values: Uint8Array,
    valueFrom: number,
    valueTo: number,
  ): void {
    this.#seeds.seed(keys, keyFrom, keyTo, alike, this.#lanes);
    // All that is left out begins like this, and nearly nothing else does.
    if (keys[keyFrom] === TILDE && LEFT_OUT.has(String.fromCharCode(...keys.subarray(keyFrom, keyTo)))) return;
    this.#hashValue(values, valueFrom, valueTo);
    this.low = (this.low + this.#lanes.low) | 0;
    this.high = (this.high + this.#lanes.high) | 0;
  }

  #hash(key: string, value: Uint8Array): Lanes {
    if (LEFT_OUT.has(key)) return NOTHING;
    seed(key, this.#lanes);
    this.#hashValue(value, 0, value.length);
    return this.#lanes;
  }

  #hashValue({ buffer, byteOffset }: Uint8Array, from: number, to: number): void {
    if (buffer !== this.#view.buffer) this.#view = new DataView(buffer);
    hash(this.#view, this.#lanes, byteOffset + from, byteOffset + to);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex(this.high) + hex(this.low);
  }
}

const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, "0");

const PIECE_ENTRIES = 256;

/** The digest of a state by looking at all of it. Takes long: for tools, tests and doubts. */
export function digestOf(view: View): string {
  const digest = new StateDigest();
  for (let from = ""; ; ) {
    const piece = view.range({ from, to: "\x7f", limit: PIECE_ENTRIES });
    for (const [key, value] of piece) digest.add(key, value);
    const last = piece.at(-1);
    if (last === undefined) return digest.toString();
    from = `${last[0]} `;
  }
}
