import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { assert } from "@halon/runtime";
import type { LogFile } from "./log-file.ts";

export interface RotatingFileOptions {
  readonly path: string;
  /** The file is put aside rather than grow above this. */
  readonly bytesMax: number;
  /** `path.1` is the youngest that was put aside, `path.<oldFilesMax>` the oldest that is kept. */
  readonly oldFilesMax: number;
}

/** How often, and how long each time, the end of a process waits for what is under way, for the sake of order. */
const ORDER_WAITS_MAX = 2_000;
const ORDER_WAIT_MS = 1;

/**
 * A log file of bounded size: with all that was put aside, `bytesMax * (oldFilesMax + 1)` at most. The directory is made;
 * an existing file is continued. Throws when it cannot be opened.
 */
export class RotatingFile implements LogFile {
  readonly #options: RotatingFileOptions;
  /** Undefined between putting the old file aside and opening the new one, also after that failed. */
  #fd: number | undefined;
  #bytes = 0;
  /** Handed to the system, not yet confirmed. */
  #underWayBytes = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true });
    this.#open();
  }

  append(chunk: Buffer, done: (bytesWritten: number, error: Error | undefined) => void): void {
    const { bytesMax } = this.#options;
    assert(chunk.length <= bytesMax, `log chunk of ${chunk.length} bytes for files of ${bytesMax}`);
    let fd: number;
    try {
      fd = this.#descriptorFor(chunk.length);
    } catch (error) {
      setImmediate(() => done(0, error as Error));
      return;
    }
    this.#underWayBytes = chunk.length;
    write(fd, chunk, (error, bytesWritten) => {
      this.#underWayBytes = 0;
      this.#bytes += bytesWritten;
      done(bytesWritten, error ?? undefined);
    });
  }

  /** Does not put the file aside, as an `append` may be using it: this once it may grow above its size. */
  appendSync(chunk: Buffer): void {
    const fd = this.#fd ?? this.#open();
    // The callback cannot come while we are here, but the file's size tells that the system is done.
    const sizeBefore = this.#bytes + this.#underWayBytes;
    for (let waits = 0; this.#underWayBytes > 0 && fstatSync(fd).size < sizeBefore && waits < ORDER_WAITS_MAX; waits++)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ORDER_WAIT_MS);
    for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    this.#bytes += chunk.length;
  }

  #descriptorFor(bytes: number): number {
    if (this.#fd !== undefined && (this.#bytes === 0 || this.#bytes + bytes <= this.#options.bytesMax)) return this.#fd;
    if (this.#fd !== undefined) this.#putAside(this.#fd);
    return this.#open();
  }

  #putAside(fd: number): void {
    const { path, oldFilesMax } = this.#options;
    const aged = (age: number): string => (age === 0 ? path : `${path}.${age}`);
    if (oldFilesMax === 0) rmSync(path, { force: true });
    else {
      // Only as far as the first gap: when this fails half-way and is tried again, nothing is pushed out at the end for it.
      let last = 1;
      while (last < oldFilesMax && existsSync(aged(last))) last++;
      for (let age = last; age >= 1; age--) if (existsSync(aged(age - 1))) renameSync(aged(age - 1), aged(age));
    }
    this.#fd = undefined;
    closeSync(fd);
  }

  #open(): number {
    const fd = openSync(this.#options.path, "a", 0o640);
    this.#fd = fd;
    this.#bytes = fstatSync(fd).size;
    return fd;
  }
}
