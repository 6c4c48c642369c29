export { MemoryDisk } from "./memory-disk.ts";
export { type MemoryJournalOptions, openJournalMemory } from "./memory-journal.ts";
