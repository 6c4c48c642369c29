export { LmdbStore } from "./lmdb-store.ts";
export { type LmdbStoreOptions, openStoreLmdb } from "./open.ts";
export type { EntryDigest } from "./page-notes.ts";
export { type ReadOptions, readStoreFile } from "./read-file.ts";
