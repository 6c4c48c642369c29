import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Store, StoreError } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import { STORE_DIR } from "./founding.ts";
import { formatIdentity, type Identity } from "./identity.ts";

/** Entries read at a time. */
const PAGE_ENTRIES = 1_000;
/** A child that has not read all by then goes in circles. */
const CHECK_MS_MAX = 120_000;
const ALL = "\x7f";

/** Entries of a store, each of them read. */
function countEntries(store: Store): number {
  let count = 0;
  for (let from = ""; ; ) {
    const page = store.range({ from, to: ALL, limit: PAGE_ENTRIES });
    count += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_ENTRIES) return count;
    from = `${last[0]} `;
  }
}

/**
 * Opens the applied state and reads all of it. Returns what is wrong with it, or how many entries it has. On some damage
 * LMDB ends the process instead.
 */
export async function checkStore(dir: string, identity: Identity): Promise<{ damage: string } | { entries: number }> {
  const path = join(dir, STORE_DIR);
  if (!existsSync(path)) return { entries: 0 };
  try {
    const store = await openStoreLmdb({ dir: path, identity: formatIdentity(identity) });
    const entries = countEntries(store);
    await store.close();
    return { entries };
  } catch (error) {
    return { damage: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Has a child process, this program as `check-store`, read through the applied state: whatever damage does to it, this
 * process lives. Resolves with what is wrong, or with nothing. Rejects when no child can be started.
 */
export function checkStoreApart(dir: string, { cluster, name }: Identity): Promise<string | undefined> {
  if (!existsSync(join(dir, STORE_DIR))) return Promise.resolve(undefined);
  const program = process.argv[1] ?? "";
  const args = [...process.execArgv, program, "check-store", "--state-dir", dir, "--cluster", cluster, "--node", name];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], timeout: CHECK_MS_MAX });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-1_024);
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new StoreError("io", `${dir}: the applied state cannot be checked`, { cause })),
    );
    child.once("close", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal === null ? said.trim() : `reading it ended the process with ${signal}`);
    });
  });
}
