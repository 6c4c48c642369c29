import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openJournalFile } from "@halon/journal-file";
import { formatIdentity, IDENTITY_FILE, type Identity, IdentityError, writeIdentity } from "./identity.ts";

/** Of the journal in the data directory. */
export const JOURNAL_DIR = "journal";
/** Of the applied state in the data directory. */
export const STORE_DIR = "store";
/** Present while a directory is being founded: all that is beside it, but the identity, was made by that. */
const FOUNDING_FILE = "founding";
/** What a fresh file system has of its own. */
const NOBODYS = ["lost+found"];

/**
 * Founds one member of a new group in `dir`: an empty journal, and last the identity. Refuses (`exists`) a directory that
 * has anything in it, except what a founding left that was cut short: no station can have run with that.
 */
export async function found(dir: string, identity: Identity): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const marker = join(dir, FOUNDING_FILE);
  const isCutShort = existsSync(marker) && !existsSync(join(dir, IDENTITY_FILE));
  const names = readdirSync(dir).filter((name) => !NOBODYS.includes(name));
  if (names.length > 0 && !isCutShort)
    throw new IdentityError(
      "exists",
      `${dir} is not empty (${names.slice(0, 3).join(", ")}): a group is founded once. ` +
        "To start over and lose all that is stored, remove the directories of all members",
    );
  writeFileSync(marker, "", { flush: true });
  rmSync(join(dir, JOURNAL_DIR), { recursive: true, force: true });
  const journal = await openJournalFile({
    dir: join(dir, JOURNAL_DIR),
    identity: formatIdentity(identity),
    mode: "create",
  });
  await journal.close();
  writeIdentity(dir, identity);
  rmSync(marker);
}
