export { LmdbStore } from "./lmdb-store.ts";
export { type LmdbStoreOptions, openStoreLmdb } from "./open.ts";
