import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { openJournalFile } from "@halon/journal-file";
import { copyState } from "./applied-state.ts";
import {
  formatOwner,
  IDENTITY_FILE,
  JOURNAL_DIR,
  type Owner,
  STORE_DIR,
  syncDir,
  writeIdentity,
} from "./identity-file.ts";
import { OfflineError } from "./offline-error.ts";
import { appendDurably, type StationDirectory } from "./station-directory.ts";

/** Present from the beginning of a recovery to its end: all that is beside it, but the identity, was made by that. */
const UNFINISHED_FILE = "recovery-unfinished";
/** What a fresh file system has of its own. */
const NOBODYS = ["lost+found"];

/** Throws {@link OfflineError} unless there is nothing, or what a recovery that was cut short has left. */
export function assertNew(dir: string): void {
  if (!existsSync(dir)) return;
  const names = readdirSync(dir).filter((name) => !NOBODYS.includes(name));
  if (names.length === 0 || isCutShort(dir)) return;
  throw new OfflineError(
    `${dir} is not empty (${names.slice(0, 3).join(", ")}): name a new directory. If it is that of a recovery that was done already, ` +
      "start its station instead of recovering again",
  );
}

const isCutShort = (dir: string): boolean =>
  existsSync(join(dir, UNFINISHED_FILE)) && !existsSync(join(dir, IDENTITY_FILE));

/**
 * Writes the directory of a station, durably: journal, applied state if there is one, and last the identity, without which
 * no station votes with it. Cut short, it is done again.
 */
export async function writeDirectory(
  dir: string,
  owner: Owner,
  records: readonly Uint8Array[],
  state: StationDirectory | undefined,
): Promise<void> {
  assertNew(dir);
  mkdirSync(dir, { recursive: true });
  const marker = join(dir, UNFINISHED_FILE);
  writeFileSync(marker, "", { flush: true });
  for (const name of [JOURNAL_DIR, STORE_DIR]) rmSync(join(dir, name), { recursive: true, force: true });
  const identity = formatOwner(owner);
  const journal = await openJournalFile({ dir: join(dir, JOURNAL_DIR), identity, mode: "create" });
  try {
    await appendDurably(journal, records);
  } finally {
    await journal.close();
  }
  if (state !== undefined) await copyState(state, join(dir, STORE_DIR), identity);
  syncDir(dir);
  writeIdentity(dir, owner);
  syncDir(dirname(resolve(dir)));
  rmSync(marker);
}
