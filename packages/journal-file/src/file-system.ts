import { closeSync, fdatasync, fsync, openSync, renameSync, rm, statfs, write, writeSync } from "node:fs";
import { dirname } from "node:path";

/** The calls on which durability and room hang, so that a test can make them fail, fall short, or never return. */
export interface FileSystem {
  /** Writes at `position`, perhaps only the first bytes; resolves with how many. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  /** What was written to this file, and its size, are durable when it resolves. */
  syncData(fd: number): Promise<void>;
  /** The names in this directory are durable when it resolves. */
  syncDir(fd: number): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Bytes that may still be written on the disk that holds `dir`. */
  freeBytes(dir: string): Promise<number>;
}

const settle =
  (resolve: () => void, reject: (error: Error) => void) =>
  (error: Error | null): void =>
    error === null ? resolve() : reject(error);

/** A write up to this size is a copy into the page cache: quicker made than handed to another thread and back. */
const WRITE_AT_ONCE_BYTES_MAX = 64 * 1024;

export const hostFileSystem: FileSystem = {
  write: (fd, bytes, position) =>
    new Promise((resolve, reject) => {
      // What it throws rejects the promise.
      if (bytes.length <= WRITE_AT_ONCE_BYTES_MAX) return resolve(writeSync(fd, bytes, 0, bytes.length, position));
      write(fd, bytes, 0, bytes.length, position, (error, count) => (error === null ? resolve(count) : reject(error)));
    }),
  syncData: (fd) => new Promise((resolve, reject) => fdatasync(fd, settle(resolve, reject))),
  syncDir: (fd) => new Promise((resolve, reject) => fsync(fd, settle(resolve, reject))),
  remove: (path) => new Promise((resolve, reject) => rm(path, { force: true }, settle(resolve, reject))),
  freeBytes: (dir) =>
    new Promise((resolve, reject) =>
      statfs(dir, (error, stats) => (error === null ? resolve(stats.bavail * stats.bsize) : reject(error))),
    ),
};

/** Of a file that is being made; a crash leaves it behind, and opening removes it. */
export const UNFINISHED_SUFFIX = ".unfinished";

/**
 * A sync that failed. It must not be tried again: the host may report the error once, drop the data, and answer the next
 * sync with success ("fsyncgate", https://wiki.postgresql.org/wiki/Fsync_Errors). Nor does reading tell what is on disk.
 */
export class SyncError extends Error {
  override readonly name = "SyncError";
}

export async function syncData(fs: FileSystem, fd: number): Promise<void> {
  try {
    await fs.syncData(fd);
  } catch (error) {
    throw new SyncError(`fdatasync failed: ${String(error)}`, { cause: error });
  }
}

/** The names in `dir` are durable when it resolves. */
export async function syncDir(fs: FileSystem, dir: string): Promise<void> {
  const fd = openSync(dir, "r");
  try {
    await fs.syncDir(fd);
  } catch (error) {
    throw new SyncError(`fsync of ${dir} failed: ${String(error)}`, { cause: error });
  } finally {
    closeSync(fd);
  }
}

/** Writes all of `bytes`: what a short write left is written after it, at its place. */
export async function writeAll(fs: FileSystem, fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const count = await fs.write(fd, bytes.subarray(done), position + done);
    if (count === 0) throw new Error(`nothing of ${bytes.length - done} bytes was written`);
    done += count;
  }
}

/**
 * Puts a file with `bytes` in place of what is at `path`, and returns it, open. The name is there only once the content is
 * durable, and both are when it resolves: a crash leaves the old file or the new one.
 */
export async function replaceFile(fs: FileSystem, path: string, bytes: Uint8Array): Promise<number> {
  const unfinished = `${path}${UNFINISHED_SUFFIX}`;
  const fd = openSync(unfinished, "w+");
  try {
    await writeAll(fs, fd, bytes, 0);
    await syncData(fs, fd);
    renameSync(unfinished, path);
    await syncDir(fs, dirname(path));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
