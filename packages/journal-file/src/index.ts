export { type FileSystem, hostFileSystem } from "./file-system.ts";
export {
  type Finding,
  type InspectedSegment,
  type InspectOptions,
  inspectJournal,
  type JournalInspection,
  type JournalVerification,
  verifyJournal,
} from "./inspect.ts";
export { FileJournal, type Repair } from "./journal.ts";
export { type FileJournalOptions, openJournalFile } from "./open.ts";
export { type JournalRepair, type RepairStep, repairJournal } from "./repair.ts";
