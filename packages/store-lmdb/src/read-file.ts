import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { FilePages, type LeafPage } from "./file-pages.ts";
import { type EntryDigest, PageNotes } from "./page-notes.ts";

export const DATA_FILE = "data.mdb";

/** No key of a store is longer. */
const KEY_BYTES_MAX = 1_024;

export interface ReadOptions {
  /** Whether what pages held when they were read before is taken for granted where they are, byte for byte, what they were then. */
  readonly withNotes: boolean;
}

/**
 * Adds up all of the state in a store's file, in key order, without LMDB: bytes that were damaged end neither the process nor the reading
 * in anything but a {@link StoreError} `damaged`. Several times as fast, too, and again as much with notes, which it leaves
 * for the next time. Nobody may have the store open. Returns the number of entries.
 */
export function readStoreFile(dir: string, digest: EntryDigest, { withNotes }: ReadOptions): number {
  const path = join(dir, DATA_FILE);
  const fd = openSync(path, "r");
  try {
    const pages = new FilePages(path, fd, fstatSync(fd).size);
    const state = pages.state();
    if (state === undefined) return 0;
    const notes = withNotes ? PageNotes.load(dir, pages.pageBytes) : new PageNotes(pages.pageBytes);
    const course = new PageCourse(pages, digest, notes);
    pages.leaves(state.root, undefined, 0, (leaf) => course.take(leaf));
    if (course.count !== state.entries)
      throw pages.damaged(`it has ${course.count} entries, and should have ${state.entries}`);
    notes.save(dir);
    return course.count;
  } finally {
    closeSync(fd);
  }
}

/** Goes through leaves in key order, adds them up, and notes what they come to. */
export class PageCourse {
  readonly #pages: FilePages;
  readonly #digest: EntryDigest;
  readonly #notes: PageNotes;
  readonly #last = new Uint8Array(KEY_BYTES_MAX);
  #lastLength = 0;
  count = 0;

  constructor(pages: FilePages, digest: EntryDigest, notes: PageNotes) {
    this.#pages = pages;
    this.#digest = digest;
    this.#notes = notes;
  }

  take(leaf: LeafPage): boolean {
    const { bytes, number, count } = leaf;
    const known = this.#notes.find(number, bytes);
    if (known !== undefined) {
      // They were in order when the page was read; it is left to see that it is in order with others.
      this.#passNode(leaf, 0);
      if (count > 1) this.#passNode(leaf, count - 1);
      this.#digest.low = (this.#digest.low + known.low) | 0;
      this.#digest.high = (this.#digest.high + known.high) | 0;
      this.count += count;
      return true;
    }
    const { low, high } = this.#digest;
    // What the digest saw last is not the key before, when pages were left out.
    let isFirst = true;
    this.#pages.nodes(leaf, 0, (flags, keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
      const alike = this.#pass(flags, keys, keyFrom, keyTo);
      this.#digest.addFrom(keys, keyFrom, keyTo, isFirst ? 0 : alike, values, valueFrom, valueTo);
      isFirst = false;
      return true;
    });
    if (!this.#pages.hasBig(leaf))
      this.#notes.note(number, bytes, (this.#digest.low - low) | 0, (this.#digest.high - high) | 0);
    this.count += count;
    return true;
  }

  /** How many of an entry's bytes are those of the key before. Throws when it does not come behind that. */
  #pass(flags: number, keys: Buffer, from: number, to: number): number {
    const alike = flags === 0 && to - from <= KEY_BYTES_MAX ? this.#alikeBehindLast(keys, from, to) : undefined;
    if (alike === undefined)
      throw this.#pages.damaged(`entry ${keys.toString("latin1", from, to)} is not where it belongs`);
    return alike;
  }

  #passNode(leaf: LeafPage, at: number): void {
    this.#pages.nodes(leaf, at, (flags, keys, keyFrom, keyTo) => {
      this.#pass(flags, keys, keyFrom, keyTo);
      return false;
    });
  }

  /** `undefined`: it does not come behind it. */
  #alikeBehindLast(keys: Buffer, from: number, to: number): number | undefined {
    const length = to - from;
    const last = this.#last;
    const alikeMax = Math.min(length, this.#lastLength);
    let alike = 0;
    while (alike < alikeMax && keys[from + alike] === last[alike]) alike++;
    if (alike === length) return undefined;
    if (alike < this.#lastLength && (keys[from + alike] as number) < (last[alike] as number)) return undefined;
    for (let at = alike; at < length; at++) last[at] = keys[from + at] as number;
    this.#lastLength = length;
    return alike;
  }
}
