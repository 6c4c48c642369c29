import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreError } from "@halon/runtime";
import { STORE_DIR } from "./founding.ts";
import { formatIdentity, type Identity } from "./identity.ts";

/** A child that has not read all by then goes in circles. */
const CHECK_MS_MAX = 120_000;
const DIGEST = /\bdigest ([0-9a-f]{16})$/;

/** What is known of the applied state before it is opened here. `digest`: what all of its entries come to. */
export interface CheckedApart {
  readonly damage?: string;
  readonly digest?: string;
}

const CHECK_PROGRAM = fileURLToPath(new URL("check-main.js", import.meta.url));

/**
 * Has a child process read through the applied state: whatever damage does to it, this process lives. Rejects when no child
 * can be started.
 */
export function checkStoreApart(dir: string, identity: Identity): Promise<CheckedApart> {
  const path = join(dir, STORE_DIR);
  if (!existsSync(path)) return Promise.resolve({});
  const args = [...process.execArgv, CHECK_PROGRAM, path, formatIdentity(identity)];
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
