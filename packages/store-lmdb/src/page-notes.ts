import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** Sums up entries, in two lanes of 32 bits: the sum of all is that of any parts added up. */
export interface EntryDigest {
  low: number;
  high: number;
  /**
   * An entry: its key in ASCII from `keyFrom` to `keyTo` of `keys`, the first `alike` bytes of which are those of the key in the last
   * call; its value from `valueFrom` to `valueTo` of `values`. They are good until the next one only.
   */
  addFrom(
    keys: Buffer,
    keyFrom: number,
    keyTo: number,
    alike: number,
    values: Buffer,
    valueFrom: number,
    valueTo: number,
  ): void;
}

export interface PageSum {
  readonly low: number;
  readonly high: number;
}

/** Says what the file is, and which version of digest and format the sums are of. */
const TITLE = "halon page notes 1\n";
const HEAD_BYTES = 32;
const CHECK_BYTES = 4;
/** Checksum of the page, and the two lanes. */
const NOTE_WORDS = 3;
const PAGES_FIRST = 1_024;
const FILE = "data.notes";

/**
 * What the leaves of a store's file add up to, each with a checksum of the bytes that it is said of: a page whose bytes are others is
 * one of which nothing is known. So notes may be old, of pages that are long used for something else, or lost, and
 * save nothing then.
 */
export class PageNotes {
  readonly #pageBytes: number;
  #words: Uint32Array;
  /** Notes that are not saved. */
  #changed = 0;

  constructor(pageBytes: number, words = new Uint32Array(PAGES_FIRST * NOTE_WORDS)) {
    this.#pageBytes = pageBytes;
    this.#words = words;
  }

  get changed(): number {
    return this.#changed;
  }

  /** What {@link save} has left; empty where that is not to be had, or damaged. */
  static load(dir: string, pageBytes: number): PageNotes {
    const bytes = readIfThere(join(dir, FILE));
    const isWhole =
      bytes !== undefined &&
      bytes.length >= HEAD_BYTES + CHECK_BYTES &&
      bytes.subarray(0, HEAD_BYTES).equals(headOf(pageBytes)) &&
      bytes.readUInt32LE(bytes.length - CHECK_BYTES) === crc32(bytes.subarray(0, -CHECK_BYTES));
    if (!isWhole) return new PageNotes(pageBytes);
    const words = new Uint32Array(Math.floor((bytes.length - HEAD_BYTES - CHECK_BYTES) / 4));
    Buffer.from(words.buffer).set(bytes.subarray(HEAD_BYTES, HEAD_BYTES + words.byteLength));
    return new PageNotes(pageBytes, words);
  }

  /**
   * Not synced: after a power cut they may be damaged, which is told by their checksum. Where there is no room for them, or no right to
   * write, the ones before stay: what they are about is as sound without them.
   */
  save(dir: string): void {
    if (this.#changed === 0) return;
    const words = Buffer.from(this.#words.buffer, this.#words.byteOffset, this.#words.byteLength);
    const head = headOf(this.#pageBytes);
    const check = Buffer.alloc(CHECK_BYTES);
    check.writeUInt32LE(crc32(words, crc32(head)));
    const path = join(dir, FILE);
    try {
      writeFileSync(`${path}.new`, Buffer.concat([head, words, check]));
      renameSync(`${path}.new`, path);
      this.#changed = 0;
    } catch {
      // What was written of it is not to take the room that others need.
      rmSync(`${path}.new`, { force: true });
    }
  }

  /** `undefined`: nothing is known of a page with these bytes. */
  find(page: number, bytes: Buffer): PageSum | undefined {
    const at = page * NOTE_WORDS;
    const words = this.#words;
    // The first of what was never noted are 0 in all words; a page that has that checksum is read as any other.
    if (at >= words.length || words[at] === 0 || words[at] !== crc32(bytes)) return undefined;
    return { low: (words[at + 1] as number) | 0, high: (words[at + 2] as number) | 0 };
  }

  note(page: number, bytes: Buffer, low: number, high: number): void {
    const at = page * NOTE_WORDS;
    if (at >= this.#words.length) this.#grow(at + NOTE_WORDS);
    this.#words[at] = crc32(bytes);
    this.#words[at + 1] = low;
    this.#words[at + 2] = high;
    this.#changed++;
  }

  #grow(length: number): void {
    const larger = new Uint32Array(Math.max(length, 2 * this.#words.length));
    larger.set(this.#words);
    this.#words = larger;
  }
}

function headOf(pageBytes: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(TITLE, "latin1");
  head.writeUInt32LE(pageBytes, HEAD_BYTES - 4);
  return head;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
