import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { StoreError, type VisitStored } from "@halon/runtime";
import type { RootDatabase } from "lmdb";
import { FilePages } from "./file-pages.ts";
import { type EntryDigest, PageNotes } from "./page-notes.ts";
import { DATA_FILE, PageCourse } from "./read-file.ts";

/** Pages noted before other work of the process gets its turn: a millisecond or two. */
const SLICE_PAGES = 32;
/** Notes are written when so many are new: fewer are soon made again. */
const SAVED_PAGES_MIN = 1_024;

/**
 * The file of a store that is open, read beside LMDB. What it reads are pages that a read transaction keeps from being used again: it takes
 * that before it looks for the newest tree, all of whose pages are therefore kept.
 */
export class LiveFile {
  readonly #dir: string;
  readonly #root: RootDatabase;
  readonly #fd: number;
  readonly #pages: FilePages;
  readonly #path: string;
  #notes: PageNotes | undefined;
  /** The transaction that all notes are as of, or newer. */
  #notedTransaction = 0;

  constructor(dir: string, root: RootDatabase) {
    this.#dir = dir;
    this.#root = root;
    this.#path = join(dir, DATA_FILE);
    this.#fd = openSync(this.#path, "r");
    this.#pages = new FilePages(this.#path, this.#fd, 0);
  }

  /** Committed entries with `from <= key < to`, until `visit` says no. False when it could not be read to the end: what was visited is void. */
  scan(from: string, to: string, visit: VisitStored): boolean {
    const pages = this.#pages;
    const end = Buffer.from(to, "latin1");
    const begin = Buffer.from(from, "latin1");
    let isFirst = true;
    const scanned = this.#held(() => {
      const state = pages.state();
      if (state === undefined) return;
      pages.leaves(state.root, begin, 0, (leaf) => {
        const first = isFirst ? pages.firstFrom(leaf, begin) : 0;
        isFirst = false;
        const isLast = pages.firstFrom(leaf, end, leaf.count - 1) === leaf.count - 1;
        return pages.nodes(leaf, first, (_, keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
          if (isLast && keys.compare(end, 0, end.length, keyFrom, keyTo) >= 0) return false;
          return visit(keys, keyFrom, keyTo, values, valueFrom, valueTo);
        });
      });
    });
    return scanned;
  }

  /** Notes what the leaves that were written since the last time come to, a millisecond or two at a time, and leaves that for `readStoreFile`. */
  *noting(digest: EntryDigest): Generator<undefined, void, undefined> {
    const pages = this.#pages;
    const transaction = this.#pin();
    try {
      pages.resize(fstatSync(this.#fd).size);
      const state = pages.state();
      if (state === undefined) return;
      this.#notes ??= PageNotes.load(this.#dir, pages.pageBytes);
      const course = new PageCourse(pages, digest, this.#notes);
      let next: Buffer | undefined;
      for (let isMore = true; isMore; ) {
        let left = SLICE_PAGES;
        isMore = !pages.leaves(state.root, next, this.#notedTransaction, (leaf) => {
          if (left-- === 0) {
            next = pages.firstKey(leaf);
            return false;
          }
          return course.take(leaf);
        });
        yield;
      }
      this.#notedTransaction = state.transaction;
      if (this.#notes.changed >= SAVED_PAGES_MIN) this.#notes.save(this.#dir);
    } finally {
      transaction.done();
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #held(read: () => void): boolean {
    const transaction = this.#pin();
    try {
      this.#pages.resize(fstatSync(this.#fd).size);
      read();
      return true;
    } catch (error) {
      // LMDB knows better.
      if (error instanceof StoreError && error.code === "damaged") return false;
      throw error;
    } finally {
      transaction.done();
    }
  }

  #pin(): ReturnType<RootDatabase["useReadTransaction"]> {
    // Reads of one turn share a transaction, and this one may be from before the last commit.
    this.#root.resetReadTxn();
    return this.#root.useReadTransaction();
  }
}
