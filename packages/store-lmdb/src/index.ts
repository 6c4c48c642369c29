export { LmdbStore } from "./lmdb-store.ts";
export { type LmdbStoreOptions, openStoreLmdb } from "./open.ts";
export { readStoreFile, type VisitEntry } from "./read-file.ts";
