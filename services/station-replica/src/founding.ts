import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openJournalFile } from "@halon/journal-file";
import type { Random } from "@halon/runtime";
import { syncDir } from "./directory-mark.ts";
import { formatIdentity, IDENTITY_FILE, type Identity, IdentityError, writeIdentity } from "./identity.ts";

/** Of the journal in the data directory. */
export const JOURNAL_DIR = "journal";
/** Of the applied state in the data directory. */
export const STORE_DIR = "store";
/** Present while a directory is being founded: all that is beside it, but the identity, was made by that. */
const FOUNDING_FILE = "founding";
/** What a fresh file system has of its own. */
const NOBODYS = ["lost+found"];
/** Begins the name of a directory with what an incarnation that votes no more has left. */
export const ASIDE_PREFIX = "lost-";

/** An incarnation that nobody has had. Four of them make the id of a group. */
export const mintIncarnation = (random: Random): string => random.u32().toString(16).padStart(8, "0");

/**
 * Founds one member of a new group in `dir`: an empty journal, and last the identity. Refuses (`exists`) a directory that
 * has anything in it, except what a founding left that was cut short: no station can have run with that.
 */
export async function found(dir: string, identity: Identity): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const names = readdirSync(dir).filter((name) => !NOBODYS.includes(name));
  if (names.length > 0 && !isCutShort(dir))
    throw new IdentityError(
      "exists",
      `${dir} is not empty (${names.slice(0, 3).join(", ")}): a group is founded once. ` +
        "To start over and lose all that is stored, remove the directories of all members",
    );
  await create(dir, identity);
}

/**
 * Begins anew in a directory with which this station must not vote any more, as `identity`, with an empty journal. What is
 * there is put aside into `lost-INCARNATION`; what was put aside before that is removed. Cut short, it is done again.
 */
export async function renew(dir: string, identity: Identity, before: string | undefined): Promise<void> {
  mkdirSync(dir, { recursive: true });
  if (!isCutShort(dir)) putAside(dir, ASIDE_PREFIX + (before ?? "unknown"));
  await create(dir, identity);
}

const isCutShort = (dir: string): boolean =>
  existsSync(join(dir, FOUNDING_FILE)) && !existsSync(join(dir, IDENTITY_FILE));

/** The identity last: it says where the rest belongs. */
function putAside(dir: string, target: string): void {
  const present = [JOURNAL_DIR, STORE_DIR, IDENTITY_FILE].filter((name) => existsSync(join(dir, name)));
  if (present.length === 0) return;
  for (const name of readdirSync(dir))
    if (name.startsWith(ASIDE_PREFIX) && name !== target) rmSync(join(dir, name), { recursive: true });
  mkdirSync(join(dir, target), { recursive: true });
  for (const name of present) {
    const aside = join(dir, target, name);
    rmSync(aside, { recursive: true, force: true });
    renameSync(join(dir, name), aside);
  }
  syncDir(join(dir, target));
  syncDir(dir);
}

async function create(dir: string, identity: Identity): Promise<void> {
  const marker = join(dir, FOUNDING_FILE);
  writeFileSync(marker, "", { flush: true });
  for (const name of [JOURNAL_DIR, STORE_DIR]) rmSync(join(dir, name), { recursive: true, force: true });
  const journal = await openJournalFile({
    dir: join(dir, JOURNAL_DIR),
    identity: formatIdentity(identity),
    mode: "create",
  });
  await journal.close();
  writeIdentity(dir, identity);
  rmSync(marker);
}
