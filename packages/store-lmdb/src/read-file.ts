import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
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
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const NODE_BYTES = 8;
const TREE_BYTES = 48;
/** Names of tables end with a zero byte. */
const STATE_TREE = "state\0";

/**
 * An entry: its key in ASCII from `keyFrom` to `keyTo` of `keys`, the first `alike` bytes of which are those of the key before; its
 * value from `valueFrom` to `valueTo` of `values`. They are good until the next one only.
 */
export type VisitEntry = (
  keys: Buffer,
  keyFrom: number,
  keyTo: number,
  alike: number,
  values: Buffer,
  valueFrom: number,
  valueTo: number,
) => void;

type VisitNode = (
  flags: number,
  keys: Buffer,
  keyFrom: number,
  keyTo: number,
  values: Buffer,
  valueFrom: number,
  valueTo: number,
) => void;

/** No key of a store is longer. */
const KEY_BYTES_MAX = 1_024;

interface Tree {
  readonly entries: number;
  readonly root: bigint;
}

/**
 * Reads all of the state in a store's file, in key order, without LMDB: bytes that were damaged end neither the process nor the reading
 * in anything but a {@link StoreError} `damaged`. Several times as fast, too. Nobody may have the store open. Returns the number of entries.
 */
export function readStoreFile(dir: string, visit: VisitEntry): number {
  const path = join(dir, "data.mdb");
  const fd = openSync(path, "r");
  try {
    return new FileReader(path, fd).read(visit);
  } finally {
    closeSync(fd);
  }
}

class FileReader {
  readonly #path: string;
  readonly #fd: number;
  readonly #size: number;
  #pageBytes = 0;
  /** One page for each level of a tree. */
  readonly #pages: Buffer[] = [];
  #big = Buffer.alloc(0);
  #count = 0;
  readonly #last = new Uint8Array(KEY_BYTES_MAX);
  #lastLength = 0;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  read(visit: VisitEntry): number {
    const main = this.#newestMain();
    let state: Tree | undefined;
    this.#walk(main.root, 0, (flags, keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
      const name = keys.toString("latin1", keyFrom, keyTo);
      if (name !== STATE_TREE || (flags & SUB_DATA) === 0) return;
      if (valueTo - valueFrom !== TREE_BYTES) throw this.#damaged("its table of entries is not described");
      state = { entries: Number(values.readBigUInt64LE(valueFrom + 32)), root: values.readBigUInt64LE(valueFrom + 40) };
    });
    if (state === undefined) return 0;
    this.#count = 0;
    this.#walk(state.root, 0, (flags, keys, keyFrom, keyTo, values, valueFrom, valueTo) => {
      const alike = flags === 0 ? this.#alikeBehindLast(keys, keyFrom, keyTo) : undefined;
      if (alike === undefined)
        throw this.#damaged(`entry ${keys.toString("latin1", keyFrom, keyTo)} is not where it belongs`);
      this.#count++;
      visit(keys, keyFrom, keyTo, alike, values, valueFrom, valueTo);
    });
    if (this.#count !== state.entries)
      throw this.#damaged(`it has ${this.#count} entries, and should have ${state.entries}`);
    return this.#count;
  }

  /** How many bytes are those of the key before; `undefined` when this one does not come behind it. */
  #alikeBehindLast(keys: Buffer, from: number, to: number): number | undefined {
    const length = to - from;
    if (length > KEY_BYTES_MAX) return undefined;
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

  /** The table of tables, as of the last transaction. */
  #newestMain(): Tree {
    const first = this.#meta(0);
    if (first === undefined) throw this.#damaged("its first page is none of LMDB's");
    const pageBytes = first.readUInt32LE(HEADER_BYTES + 24);
    if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || (pageBytes & (pageBytes - 1)) !== 0)
      throw this.#damaged(`pages of ${pageBytes} bytes`);
    this.#pageBytes = pageBytes;
    const second = this.#meta(pageBytes);
    if (second === undefined) throw this.#damaged("its second page is none of LMDB's");
    const newest = txnOf(second) > txnOf(first) ? second : first;
    const main = HEADER_BYTES + 24 + TREE_BYTES;
    return { entries: Number(newest.readBigUInt64LE(main + 32)), root: newest.readBigUInt64LE(main + 40) };
  }

  #meta(at: number): Buffer | undefined {
    const meta = Buffer.alloc(META_BYTES);
    if (readSync(this.#fd, meta, 0, META_BYTES, at) !== META_BYTES) return undefined;
    const isMeta = meta.readUInt32LE(HEADER_BYTES) === MAGIC;
    return isMeta && (meta.readUInt32LE(HEADER_BYTES + 4) & 0xffff) === DATA_VERSION ? meta : undefined;
  }

  #walk(root: bigint, depth: number, visit: VisitNode): void {
    if (root === NO_PAGE) return;
    if (depth === DEPTH_MAX) throw this.#damaged(`a tree of over ${DEPTH_MAX} levels`);
    const page = this.#page(root, depth);
    const kind = page.readUInt16LE(18) & (BRANCH | LEAF | OVERFLOW);
    if (kind !== BRANCH && kind !== LEAF) throw this.#damaged(`page ${root} is no part of a tree`);
    const count = page.readUInt16LE(20) >> 1;
    if (HEADER_BYTES + 2 * count > this.#pageBytes) throw this.#damaged(`page ${root} has ${count} entries`);
    for (let at = 0; at < count; at++) {
      const node = page.readUInt16LE(HEADER_BYTES + 2 * at) + HEADER_BYTES;
      const data = node + NODE_BYTES + (node + NODE_BYTES <= this.#pageBytes ? page.readUInt16LE(node + 6) : 0);
      if (data > this.#pageBytes || node + NODE_BYTES > this.#pageBytes)
        throw this.#damaged(`page ${root}: an entry reaches beyond it`);
      const flags = page.readUInt16LE(node + 4);
      const low = page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 0x1_0000;
      if (kind === BRANCH) this.#walk(BigInt(low) + (BigInt(flags) << 32n), depth + 1, visit);
      else if ((flags & BIG_DATA) !== 0) {
        const big = this.#overflow(page, data, low);
        visit(flags & ~BIG_DATA, page, node + NODE_BYTES, data, big, HEADER_BYTES, HEADER_BYTES + low);
      } else if (data + low > this.#pageBytes) throw this.#damaged(`page ${root}: an entry reaches beyond it`);
      else visit(flags, page, node + NODE_BYTES, data, page, data, data + low);
    }
  }

  #page(number: bigint, depth: number): Buffer {
    this.#pages[depth] ??= Buffer.alloc(this.#pageBytes);
    const page = this.#pages[depth] as Buffer;
    this.#readAt(number, page, this.#pageBytes);
    return page;
  }

  /** Pages of a value with pages of its own. */
  #overflow(page: Buffer, at: number, length: number): Buffer {
    if (at + 8 > this.#pageBytes) throw this.#damaged("an entry reaches beyond its page");
    const number = page.readBigUInt64LE(at);
    const bytes = HEADER_BYTES + length;
    if (bytes > this.#size) throw this.#damaged(`a value of ${length} bytes`);
    if (this.#big.length < bytes) this.#big = Buffer.alloc(bytes);
    this.#readAt(number, this.#big, bytes);
    if ((this.#big.readUInt16LE(18) & OVERFLOW) === 0) throw this.#damaged(`page ${number} is no value`);
    return this.#big;
  }

  #readAt(number: bigint, into: Buffer, bytes: number): void {
    const at = number * BigInt(this.#pageBytes);
    if (at + BigInt(bytes) > BigInt(this.#size)) throw this.#damaged(`page ${number} is missing`);
    if (readSync(this.#fd, into, 0, bytes, Number(at)) !== bytes) throw this.#damaged(`page ${number} cannot be read`);
    const found = into.readBigUInt64LE(0);
    if (found !== number) throw this.#damaged(`page ${number} says that it is page ${found}`);
  }

  #damaged(what: string): StoreError {
    return new StoreError("damaged", `${this.#path}: ${what}. Delete the directory: the store is rebuilt`);
  }
}

const txnOf = (meta: Buffer): bigint => meta.readBigUInt64LE(HEADER_BYTES + 128);
