import { rmSync } from "node:fs";
import { join } from "node:path";
import { type FileJournal, openJournalFile } from "@halon/journal-file";
import { StateDigest } from "@halon/replicated-log";
import { JournalError, type Store, StoreError } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import type { CheckedApart } from "./check-apart.ts";
import { JOURNAL_DIR, STORE_DIR } from "./founding.ts";
import { type Expected, formatIdentity, type Identity, IdentityError, memberOf, readIdentity } from "./identity.ts";

export type Data =
  | {
      readonly kind: "opened";
      readonly identity: Identity;
      readonly journal: FileJournal;
      readonly store: Store;
      /** What all entries of the applied state come to, where somebody has looked. */
      readonly storeDigest: string | undefined;
      /** Why the applied state was thrown away: it is rebuilt from the journal. */
      readonly rebuilt: string | undefined;
    }
  /** The memory of earlier promises is gone, or there never was any: with this directory nobody must vote. */
  | { readonly kind: "lost"; readonly why: string; readonly before: Identity | undefined }
  /** Somebody else's directory, or a copy, which a person has to sort out. */
  | { readonly kind: "foreign"; readonly why: string };

/** Says what is wrong with the applied state in the data directory, or what all of it comes to. */
export type CheckStore = (dir: string, identity: Identity) => Promise<CheckedApart>;

/**
 * Opens a station's data directory. What restarting can cure (a disk that fails, a directory still in use) is thrown, as
 * {@link JournalError} or {@link StoreError}.
 */
export async function openData(dir: string, expected: Expected, check: CheckStore): Promise<Data> {
  let journal: FileJournal | undefined;
  let identity: Identity | undefined;
  try {
    identity = readIdentity(dir, expected);
    journal = await openJournalFile({
      dir: join(dir, JOURNAL_DIR),
      identity: formatIdentity(identity),
      mode: "existing",
    });
    assertRemembers(dir, identity, journal);
    return { kind: "opened", identity, journal, ...(await openStore(dir, identity, check)) };
  } catch (error) {
    await journal?.close();
    if (error instanceof IdentityError)
      return ["absent", "damaged"].includes(error.code)
        ? { kind: "lost", why: error.message, before: undefined }
        : { kind: "foreign", why: error.message };
    if (error instanceof StoreError && error.code === "foreign") return { kind: "foreign", why: error.message };
    // Another version of this program can read it still.
    if (error instanceof JournalError && ["foreign", "version"].includes(error.code))
      return { kind: "foreign", why: error.message };
    if (error instanceof JournalError && ["damaged", "missing"].includes(error.code))
      return { kind: "lost", why: `promises that this station made are lost: ${error.message}`, before: identity };
    throw error;
  }
}

/** Who has voted has records of it. */
function assertRemembers(dir: string, identity: Identity, { writtenSeq }: FileJournal): void {
  if (identity.stage === "member" && writtenSeq === 0)
    throw new JournalError("missing", `${dir} holds an empty journal, and ${memberOf(identity)} has voted`);
}
/** Nothing is in the applied state alone: what is wrong with it is thrown away. */
async function openStore(
  dir: string,
  identity: Identity,
  check: CheckStore,
): Promise<Pick<Data & { readonly kind: "opened" }, "store" | "rebuilt" | "storeDigest">> {
  const path = join(dir, STORE_DIR);
  const open = (): Promise<Store> =>
    openStoreLmdb({ dir: path, identity: formatIdentity(identity), digest: () => new StateDigest() });
  const { damage, digest: storeDigest } = await check(dir, identity);
  let rebuilt = damage;
  if (rebuilt === undefined) {
    try {
      return { store: await open(), rebuilt, storeDigest };
    } catch (error) {
      if (!(error instanceof StoreError) || !["damaged", "version"].includes(error.code)) throw error;
      rebuilt = error.message;
    }
  }
  rmSync(path, { recursive: true, force: true });
  return { store: await open(), rebuilt, storeDigest: undefined };
}
