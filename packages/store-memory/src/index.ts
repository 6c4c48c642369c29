export { type MemoryStoreOptions, openStoreMemory } from "./memory-store.ts";
export { MemoryStoreDisk } from "./memory-store-disk.ts";
