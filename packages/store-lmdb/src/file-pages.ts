import { readSync } from "node:fs";
import { StoreError } from "@halon/runtime";

// The format of LMDB's file, as of data version 2 of the library that is bundled with `lmdb`; its own code has no names for places.
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const HEADER_BYTES = 24;
const META_BYTES = 168;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
const DEPTH_MAX = 32;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const BIG_DATA = 0x01;
const SUB_DATA = 0x02;
const NODE_BYTES = 8;
const TREE_BYTES = 48;
const HIGH = 0x1_0000_0000;
const NO_PAGE = 0xffff_ffff * HIGH + 0xffff_ffff;
/** Names of tables end with a zero byte. */
const STATE_TREE = "state\0";
/** How often the newest of the first pages is looked at again when it is being written. */
const META_TRIES_MAX = 16;

export interface Tree {
  readonly entries: number;
  readonly root: number;
}

/** The state's tree, as of a transaction. */
export interface StateTree extends Tree {
  readonly transaction: number;
}

/** A page of entries, good until the next one is read. */
export interface LeafPage {
  readonly bytes: Buffer;
  readonly number: number;
  readonly count: number;
}

/** An entry of a leaf: its key from `keyFrom` to `keyTo` of `keys`. Returns whether to go on. */
export type VisitNode = (
  flags: number,
  keys: Buffer,
  keyFrom: number,
  keyTo: number,
  values: Buffer,
  valueFrom: number,
  valueTo: number,
) => boolean;

/** Returns whether to go on. */
export type VisitLeaf = (leaf: LeafPage) => boolean;

/** Reads the pages of a store's file, every place checked: whatever bytes are there, it ends in nothing but {@link StoreError} `damaged`. */
export class FilePages {
  readonly #path: string;
  readonly #fd: number;
  /** Bytes that there are. */
  #size: number;
  #pageBytes = 0;
  /** One page for each level of a tree. */
  readonly #pages: Buffer[] = [];
  #big = Buffer.alloc(0);

  constructor(path: string, fd: number, size: number) {
    this.#path = path;
    this.#fd = fd;
    this.#size = size;
  }

  get pageBytes(): number {
    return this.#pageBytes;
  }

  /** It may have grown. */
  resize(size: number): void {
    this.#size = size;
  }

  /** As of the last transaction. `undefined`: there never was any state. */
  state(): StateTree | undefined {
    const main = this.#newestMain();
    let state: StateTree | undefined;
    this.leaves(main.root, undefined, 0, (leaf) =>
      this.nodes(leaf, 0, (flags, keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
        const name = keys.toString("latin1", keyFrom, keyTo);
        if (name !== STATE_TREE || (flags & SUB_DATA) === 0) return true;
        if (valueTo - valueFrom !== TREE_BYTES) throw this.damaged("its table of entries is not described");
        const { transaction } = main;
        state = { entries: wordAt(values, valueFrom + 32), root: wordAt(values, valueFrom + 40), transaction };
        return true;
      }),
    );
    return state;
  }

  /**
   * Leaves in key order: from the one on that may hold `from`, and only below pages that were written by a transaction after `since`.
   * Returns whether it was to go on to the last.
   */
  leaves(root: number, from: Buffer | undefined, since: number, visit: VisitLeaf): boolean {
    return root === NO_PAGE || this.#below(root, 0, from, since, visit);
  }

  /** A leaf's entries from one on. Returns whether it was to go on. */
  nodes({ bytes, number, count }: LeafPage, first: number, visit: VisitNode): boolean {
    for (let at = first; at < count; at++) {
      const node = this.#node(bytes, number, at);
      const data = this.#keyEnd(bytes, number, node);
      const flags = bytes.readUInt16LE(node + 4);
      const length = bytes.readUInt16LE(node) + bytes.readUInt16LE(node + 2) * 0x1_0000;
      if ((flags & BIG_DATA) !== 0) {
        const big = this.#overflow(bytes, data, length);
        const end = HEADER_BYTES + length;
        if (!visit(flags & ~BIG_DATA, bytes, node + NODE_BYTES, data, big, HEADER_BYTES, end)) return false;
      } else if (data + length > this.#pageBytes) throw this.damaged(`page ${number}: an entry reaches beyond it`);
      else if (!visit(flags, bytes, node + NODE_BYTES, data, bytes, data, data + length)) return false;
    }
    return true;
  }

  /** Place of a leaf's first entry, from `first` on, whose key is not before `from`. */
  firstFrom({ bytes, number, count }: LeafPage, from: Buffer, first = 0): number {
    let at = first;
    while (at < count && this.#compare(bytes, number, at, from) < 0) at++;
    return at;
  }

  firstKey(leaf: LeafPage): Buffer {
    let key = Buffer.alloc(0);
    this.nodes(leaf, 0, (_, keys, from, to) => {
      key = Buffer.from(keys.subarray(from, to));
      return false;
    });
    return key;
  }

  /** Whether an entry of the leaf has pages of its own. */
  hasBig({ bytes, number, count }: LeafPage): boolean {
    for (let at = 0; at < count; at++)
      if ((bytes.readUInt16LE(this.#node(bytes, number, at) + 4) & BIG_DATA) !== 0) return true;
    return false;
  }

  damaged(what: string): StoreError {
    return new StoreError("damaged", `${this.#path}: ${what}. Delete the directory: the store is rebuilt`);
  }

  #below(root: number, depth: number, from: Buffer | undefined, since: number, visit: VisitLeaf): boolean {
    if (depth === DEPTH_MAX) throw this.damaged(`a tree of over ${DEPTH_MAX} levels`);
    const page = this.#page(root, depth);
    if (since > 0 && wordAt(page, 8) <= since) return true;
    const kind = page.readUInt16LE(18) & (BRANCH | LEAF | OVERFLOW);
    if (kind !== BRANCH && kind !== LEAF) throw this.damaged(`page ${root} is no part of a tree`);
    const count = page.readUInt16LE(20) >> 1;
    if (HEADER_BYTES + 2 * count > this.#pageBytes) throw this.damaged(`page ${root} has ${count} entries`);
    if (kind === LEAF) return visit({ bytes: page, number: root, count });
    // The first key of a branch bounds nothing.
    let at = 0;
    if (from !== undefined) while (at + 1 < count && this.#compare(page, root, at + 1, from) <= 0) at++;
    for (let first = at; at < count; at++) {
      const node = this.#node(page, root, at);
      this.#keyEnd(page, root, node);
      const low = page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 0x1_0000;
      const below = low + page.readUInt16LE(node + 4) * HIGH;
      if (!this.#below(below, depth + 1, at === first ? from : undefined, since, visit)) return false;
    }
    return true;
  }

  #compare(page: Buffer, number: number, at: number, key: Buffer): number {
    const node = this.#node(page, number, at);
    return page.compare(key, 0, key.length, node + NODE_BYTES, this.#keyEnd(page, number, node));
  }

  #node(page: Buffer, number: number, at: number): number {
    const node = page.readUInt16LE(HEADER_BYTES + 2 * at) + HEADER_BYTES;
    if (node + NODE_BYTES > this.#pageBytes) throw this.damaged(`page ${number}: an entry reaches beyond it`);
    return node;
  }

  #keyEnd(page: Buffer, number: number, node: number): number {
    const end = node + NODE_BYTES + page.readUInt16LE(node + 6);
    if (end > this.#pageBytes) throw this.damaged(`page ${number}: an entry reaches beyond it`);
    return end;
  }

  /** The table of tables, as of the last transaction. */
  #newestMain(): StateTree {
    const first = this.#meta(0);
    if (first === undefined) throw this.damaged("its first page is none of LMDB's");
    const pageBytes = first.readUInt32LE(HEADER_BYTES + 24);
    if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || (pageBytes & (pageBytes - 1)) !== 0)
      throw this.damaged(`pages of ${pageBytes} bytes`);
    this.#pageBytes = pageBytes;
    const second = this.#meta(pageBytes);
    if (second === undefined) throw this.damaged("its second page is none of LMDB's");
    const newest = txnOf(second) > txnOf(first) ? second : first;
    const main = HEADER_BYTES + 24 + TREE_BYTES;
    return { entries: wordAt(newest, main + 32), root: wordAt(newest, main + 40), transaction: txnOf(newest) };
  }

  /** One that is just being written is read again, until it is the same twice. */
  #meta(at: number): Buffer | undefined {
    let meta = Buffer.alloc(META_BYTES);
    for (let tries = 0; tries < META_TRIES_MAX; tries++) {
      const before = meta;
      meta = Buffer.alloc(META_BYTES);
      if (readSync(this.#fd, meta, 0, META_BYTES, at) !== META_BYTES) return undefined;
      if (tries > 0 && meta.equals(before)) break;
    }
    const isMeta = meta.readUInt32LE(HEADER_BYTES) === MAGIC;
    return isMeta && (meta.readUInt32LE(HEADER_BYTES + 4) & 0xffff) === DATA_VERSION ? meta : undefined;
  }

  #page(number: number, depth: number): Buffer {
    this.#pages[depth] ??= Buffer.alloc(this.#pageBytes);
    const page = this.#pages[depth] as Buffer;
    this.#readAt(number, page, this.#pageBytes);
    return page;
  }

  /** Pages of a value with pages of its own. */
  #overflow(page: Buffer, at: number, length: number): Buffer {
    if (at + 8 > this.#pageBytes) throw this.damaged("an entry reaches beyond its page");
    const number = wordAt(page, at);
    const bytes = HEADER_BYTES + length;
    if (bytes > this.#size) throw this.damaged(`a value of ${length} bytes`);
    if (this.#big.length < bytes) this.#big = Buffer.alloc(bytes);
    this.#readAt(number, this.#big, bytes);
    if ((this.#big.readUInt16LE(18) & OVERFLOW) === 0) throw this.damaged(`page ${number} is no value`);
    return this.#big;
  }

  #readAt(number: number, into: Buffer, bytes: number): void {
    const at = number * this.#pageBytes;
    if (at + bytes > this.#size) throw this.damaged(`page ${number} is missing`);
    if (readSync(this.#fd, into, 0, bytes, at) !== bytes) throw this.damaged(`page ${number} cannot be read`);
    const found = wordAt(into, 0);
    if (found !== number) throw this.damaged(`page ${number} says that it is page ${found}`);
  }
}

const txnOf = (meta: Buffer): number => wordAt(meta, HEADER_BYTES + 128);

/** 64 bits as a number: exact as far as pages and transactions count, and never that of another small one. */
const wordAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * HIGH;
