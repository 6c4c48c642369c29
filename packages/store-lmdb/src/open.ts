import { closeSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "@halon/runtime";
import { open, type RootDatabase } from "lmdb";
import { LmdbStore } from "./lmdb-store.ts";
import type { EntryDigest } from "./page-notes.ts";
import type { State } from "./stored.ts";

export interface LmdbStoreOptions {
  /** Created when absent. One process at a time; see the README. */
  readonly dir: string;
  /** Whose store it is, for instance "cluster/member/incarnation"; another's is refused as `foreign`. */
  readonly identity: string;
  /** What may be written and not yet committed; beyond it `write` is refused as `busy`. */
  readonly pendingBytesMax?: number;
  /** Size of the database above which nothing more is put into it. */
  readonly sizeBytesMax?: number;
  /** Sums up entries. With it the store keeps notes of what the pages of its file come to, by which `readStoreFile` reads it sooner. */
  readonly digest?: () => EntryDigest;
}

const PENDING_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;
const SIZE_BYTES_MAX_DEFAULT = 16 * 1024 * 1024 * 1024;
const FORMAT_VERSION = "1";
/** Of LMDB's first page, and where it stands. */
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;

/**
 * Opens the store in `dir`, a new one where there is none. Rejects with a {@link StoreError}: `foreign`, `version`, `io`, or
 * `damaged`, and then it is deleted and rebuilt: nothing is in it alone.
 *
 * LMDB does not detect all damage, and some ends the process. Where that must not happen, a child process opens the
 * store and reads through it first.
 */
export async function openStoreLmdb(options: LmdbStoreOptions): Promise<LmdbStore> {
  const { dir } = options;
  let root: RootDatabase | undefined;
  try {
    mkdirSync(dir, { recursive: true });
    assertLmdbFile(dir);
    // `noSubdir` would else depend on whether the name has a dot; `overlappingSync` would report commits before the sync.
    // `eventTurnBatching` would keep a transaction open until the next turn: a process that exits before that hangs for ever.
    root = open({
      path: dir,
      noSubdir: false,
      overlappingSync: false,
      eventTurnBatching: false,
      encoding: "binary",
      maxDbs: 2,
    });
    const state: State = root.openDB({ name: "state", encoding: "binary" });
    identify(root, state, options);
    return new LmdbStore({
      dir,
      root,
      state,
      pendingBytesMax: options.pendingBytesMax ?? PENDING_BYTES_MAX_DEFAULT,
      sizeBytesMax: options.sizeBytesMax ?? SIZE_BYTES_MAX_DEFAULT,
      digest: options.digest,
    });
  } catch (error) {
    await root?.close();
    throw error instanceof StoreError ? error : refusal(dir, error);
  }
}

/** LMDB itself does not look, and ends the process. */
function assertLmdbFile(dir: string): void {
  const path = join(dir, "data.mdb");
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const head = Buffer.alloc(MAGIC_AT + 4);
  const fd = openSync(path, "r");
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.readUInt32LE(MAGIC_AT) !== MAGIC) throw damaged(dir, "data.mdb is not an LMDB file");
}

/** Checks whose the store is and in which format, or writes it into a new one. */
function identify(root: RootDatabase, state: State, { dir, identity }: LmdbStoreOptions): void {
  const about = root.openDB<string, string>({ name: "about", encoding: "string" });
  const format = about.get("format");
  if (format === undefined) {
    if (state.getKeysCount({ limit: 1 }) > 0) throw damaged(dir, "it has entries, but does not say whose they are");
    root.transactionSync(() => {
      about.putSync("format", FORMAT_VERSION);
      about.putSync("identity", identity);
    });
    return;
  }
  if (format !== FORMAT_VERSION)
    throw new StoreError(
      "version",
      `${dir}: format version ${format}, but this program reads version ${FORMAT_VERSION}: delete the directory and let it be rebuilt`,
    );
  const owner = about.get("identity");
  if (owner !== identity)
    throw new StoreError("foreign", `${dir} belongs to ${owner}, not to ${identity}: check the data directory`);
}

const damaged = (dir: string, what: string, options?: ErrorOptions): StoreError =>
  new StoreError("damaged", `${dir}: ${what}. Delete the directory: the store is rebuilt`, options);

/** Codes of the host, and not of LMDB, that say nothing about the content. */
const HOST_CODES = /EACCES|EPERM|ENOSPC|EROFS|ENOTDIR|EEXIST|EMFILE|ENOMEM|Permission denied|No space left|Read-only/;

function refusal(dir: string, cause: unknown): StoreError {
  const reason = String(cause);
  return HOST_CODES.test(reason)
    ? new StoreError("io", `${dir}: the store cannot be opened: ${reason}`, { cause })
    : damaged(dir, `it cannot be opened (${reason})`, { cause });
}
