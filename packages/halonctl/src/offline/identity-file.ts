import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names in a station's directory, as the station itself has them. */
export const JOURNAL_DIR = "journal";
export const STORE_DIR = "store";
export const IDENTITY_FILE = "identity.json";
const FORMAT = 2;

/** Who a station's directory, journal and applied state belong to. */
export interface Owner {
  readonly cluster: string;
  readonly clusterId: string;
  /** `name.incarnation`. */
  readonly member: string;
}

/** As it stands in the journal and in the applied state. */
export const formatOwner = ({ cluster, clusterId, member }: Owner): string => `${cluster}/${clusterId}/${member}`;

/** Undefined for what no station has written. */
export function parseOwner(text: string): Owner | undefined {
  const [, cluster, clusterId, member] = /^([^/]+)\/([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (cluster === undefined || clusterId === undefined || member === undefined) return undefined;
  return { cluster, clusterId, member };
}

/**
 * Makes `dir` the directory of a station that has voted, durably. The station refuses it when it is copied afterwards: the file says
 * where it was written.
 */
export function writeIdentity(dir: string, owner: Owner): void {
  const born = put(dir, owner, true);
  const { birthtimeNs } = statSync(join(dir, IDENTITY_FILE), { bigint: true });
  // What passes for the birth here changes with the file: go without.
  if (born !== "" && born !== String(birthtimeNs)) put(dir, owner, false);
}

function put(dir: string, { cluster, clusterId, member }: Owner, hasBirth: boolean): string {
  const path = join(dir, IDENTITY_FILE);
  const [name = "", incarnation = ""] = member.split(".");
  const handle = openSync(`${path}.new`, "w");
  try {
    const { ino, birthtimeNs } = fstatSync(handle, { bigint: true });
    const born = hasBirth && birthtimeNs !== 0n ? String(birthtimeNs) : "";
    const mark = { directory: String(statSync(dir, { bigint: true }).ino), file: String(ino), born };
    const identity = { format: FORMAT, cluster, clusterId, name, incarnation, stage: "member", mark };
    writeFileSync(handle, `${JSON.stringify(identity, undefined, 2)}\n`);
    fsyncSync(handle);
    renameSync(`${path}.new`, path);
    syncDir(dir);
    return born;
  } finally {
    closeSync(handle);
  }
}

/** True when the directory is certainly not the one with which its station ran, but a copy: of it nobody knows where that one is. */
export function isCopied(dir: string): boolean {
  const path = join(dir, IDENTITY_FILE);
  try {
    const { mark } = JSON.parse(readFileSync(path, "utf8")) as { mark?: { directory?: unknown; file?: unknown } };
    const [directory, file] = [dir, path].map((each) => String(statSync(each, { bigint: true }).ino));
    return mark !== undefined && (mark.directory !== directory || mark.file !== file);
  } catch {
    return false;
  }
}

/** Makes the names in a directory durable. */
export function syncDir(dir: string): void {
  const handle = openSync(dir, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
