import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { StateDigest } from "@halon/replicated-log";
import { StoreError } from "@halon/runtime";
import { openStoreLmdb, readStoreFile } from "@halon/store-lmdb";
import { STORE_DIR } from "./founding.ts";
import { formatIdentity, type Identity } from "./identity.ts";

/** A child that has not read all by then goes in circles. */
const CHECK_MS_MAX = 120_000;
const DIGEST = /\bdigest ([0-9a-f]{16})$/;

/** What looking at all of the applied state has come to. */
export type Checked = { readonly damage: string } | SoundFile;

export interface SoundFile {
  readonly entries: number;
  /** Of all entries, to be compared with what the state says itself. */
  readonly digest: string;
}

/** Opens the applied state and reads all of it. On some damage LMDB, which opens it, ends the process instead. */
export async function checkStore(dir: string, identity: Identity): Promise<Checked> {
  const path = join(dir, STORE_DIR);
  const digest = new StateDigest();
  if (!existsSync(path)) return { entries: 0, digest: digest.toString() };
  try {
    const store = await openStoreLmdb({ dir: path, identity: formatIdentity(identity) });
    await store.close();
    const entries = readStoreFile(path, (...entry) => digest.addFrom(...entry));
    return { entries, digest: digest.toString() };
  } catch (error) {
    return { damage: error instanceof Error ? error.message : String(error) };
  }
}

/** What {@link checkStoreApart} reads again. */
export const soundText = ({ entries, digest }: SoundFile): string => `sound: ${entries} entries, digest ${digest}`;

/** What is known of the applied state before it is opened here. `digest`: what all of its entries come to. */
export interface CheckedApart {
  readonly damage?: string;
  readonly digest?: string;
}

/**
 * Has a child process, this program as `check-store`, read through the applied state: whatever damage does to it, this
 * process lives. Rejects when no child can be started.
 */
export function checkStoreApart(dir: string, { cluster, name }: Identity): Promise<CheckedApart> {
  if (!existsSync(join(dir, STORE_DIR))) return Promise.resolve({});
  const program = process.argv[1] ?? "";
  const args = [...process.execArgv, program, "check-store", "--state-dir", dir, "--cluster", cluster, "--node", name];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: CHECK_MS_MAX });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] = (said[stream] + text).slice(-SAID_CHARS_MAX);
    });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new StoreError("io", `${dir}: the applied state cannot be checked`, { cause })),
    );
    child.once("close", (code, signal) => {
      const digest = DIGEST.exec(said.stdout.trim())?.[1];
      if (code === 0) resolve(digest === undefined ? {} : { digest });
      else resolve({ damage: signal === null ? said.stderr.trim() : `reading it ended the process with ${signal}` });
    });
  });
}

const SAID_CHARS_MAX = 1_024;
