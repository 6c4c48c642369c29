import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isAlive, ownId, type ProcessId } from "./process-table.ts";

/** What became of an attempt to be the one launcher of a state directory. */
export type LockOutcome =
  | { readonly kind: "taken"; readonly release: () => void }
  /** A launcher that is alive. */
  | { readonly kind: "held"; readonly holder: ProcessId };

const TRIES_MAX = 16;

/** Takes the lock file, also from a launcher that has died. */
export function takeLock(path: string): LockOutcome {
  mkdirSync(dirname(path), { recursive: true });
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (tryTake(path)) return { kind: "taken", release: () => rmSync(path, { force: true }) };
    const holder = lockHolder(path);
    if (holder !== undefined) return { kind: "held", holder };
    removeDead(path);
  }
  throw new Error(`${path} changes hands all the time: are launchers started in a loop?`);
}

/** The live launcher that has the lock, or `undefined`. */
export function lockHolder(path: string): ProcessId | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessId>;
    const { pid, birth } = holder;
    return typeof pid === "number" && typeof birth === "string" && isAlive({ pid, birth }) ? { pid, birth } : undefined;
  } catch {
    return undefined;
  }
}

/** With its content at once, or not at all. */
function tryTake(path: string): boolean {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, JSON.stringify(ownId()));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Of many that find it dead one moves it away; should it have taken a live one's by then, that is put back. */
function removeDead(path: string): void {
  const aside = `${path}.dead-${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, aside);
    if (lockHolder(aside) !== undefined) linkSync(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
