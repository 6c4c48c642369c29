export { type FileSystem, hostFileSystem } from "./file-system.ts";
export { FileJournal, type Repair } from "./journal.ts";
export { type FileJournalOptions, openJournalFile } from "./open.ts";
