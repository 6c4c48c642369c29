import { closeSync, fstatSync, fsyncSync, openSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a file says of where it was written, so that a copy of it is told apart. All as decimal text. */
export interface DirectoryMark {
  /** Inode of the directory. */
  readonly directory: string;
  /** Inode of the file itself. */
  readonly file: string;
  /** Nanosecond of the file's birth, since inodes are used again; empty where the file system does not keep it. */
  readonly born: string;
}

/**
 * Writes `name` in `dir` durably, whole or not at all, with a text that has the mark in it. The mark stays true when the
 * directory is renamed within its file system, and when the machine restarts; not when it is copied or restored by
 * copying files. A file system that is cloned as a whole keeps it.
 */
export function writeMarked(dir: string, name: string, text: (mark: DirectoryMark) => string): void {
  const mark = write(dir, name, text, true);
  if (isMarked(dir, name, mark)) return;
  // What passes for the birth here changes with the file: go without.
  write(dir, name, text, false);
}

function write(dir: string, name: string, text: (mark: DirectoryMark) => string, hasBirth: boolean): DirectoryMark {
  const path = join(dir, name);
  const handle = openSync(`${path}.new`, "w");
  try {
    const { ino, birthtimeNs } = fstatSync(handle, { bigint: true });
    const mark = { directory: inodeOf(dir), file: String(ino), born: hasBirth ? birthOf(birthtimeNs) : "" };
    writeFileSync(handle, text(mark));
    fsyncSync(handle);
    renameSync(`${path}.new`, path);
    syncDir(dir);
    return mark;
  } finally {
    closeSync(handle);
  }
}

/** True when file and directory are those for which the mark was made. */
export function isMarked(dir: string, name: string, { directory, file, born }: DirectoryMark): boolean {
  const { ino, birthtimeNs } = statSync(join(dir, name), { bigint: true });
  return directory === inodeOf(dir) && file === String(ino) && (born === "" || born === birthOf(birthtimeNs));
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

const inodeOf = (path: string): string => String(statSync(path, { bigint: true }).ino);

const birthOf = (birthtimeNs: bigint): string => (birthtimeNs === 0n ? "" : String(birthtimeNs));
