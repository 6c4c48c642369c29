import { existsSync } from "node:fs";
import { DIGEST_KEY, StateDigest } from "@halon/replicated-log";
import { openStoreLmdb, type ReadOptions, readStoreFile } from "@halon/store-lmdb";

/** What looking at all of the applied state has come to. */
export type Checked = { readonly damage: string } | SoundFile;

export interface SoundFile {
  readonly entries: number;
  /** Of all entries, to be compared with what the state says itself. */
  readonly digest: string;
}

/**
 * Opens the applied state of that identity, in the directory `path`, and reads all of it. On some damage LMDB, which opens it, ends the process instead. With notes, what of the file is
 * as it was when it was last read is not looked at again (`readStoreFile`), unless it does not come to what the state says then.
 */
export async function checkStore(path: string, identity: string, options: ReadOptions): Promise<Checked> {
  if (!existsSync(path)) return { entries: 0, digest: new StateDigest().toString() };
  try {
    const store = await openStoreLmdb({ dir: path, identity });
    const claimed = store.get(DIGEST_KEY);
    await store.close();
    const read = ({ withNotes }: ReadOptions): SoundFile => {
      const digest = new StateDigest();
      return { entries: readStoreFile(path, digest, { withNotes }), digest: digest.toString() };
    };
    const found = read(options);
    const isClaimed = claimed !== undefined && Buffer.from(claimed).toString("latin1") === found.digest;
    return isClaimed || !options.withNotes ? found : read({ withNotes: false });
  } catch (error) {
    return { damage: error instanceof Error ? error.message : String(error) };
  }
}

/** What `checkStoreApart` reads again. */
export const soundText = ({ entries, digest }: SoundFile): string => `sound: ${entries} entries, digest ${digest}`;
