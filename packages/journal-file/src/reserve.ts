import { closeSync, openSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type FileSystem, SyncError, writeAll } from "./file-system.ts";

export const RESERVE_NAME = "reserve";
const PIECE_BYTES = 1024 * 1024;
/** Room for the reserve so many times over, or it is not made: it would be given up again at once. */
const ROOM_FACTOR = 2;

/** Whether a call failed because the disk is full. A sync that failed is never that: it must not be tried again. */
export function isFull(error: unknown): boolean {
  if (error instanceof SyncError || !(error instanceof Error)) return false;
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * A file of zeros that is given up when the disk is full, so that there is room to trim the journal and to say so. It is
 * written and not just sized, since a hole takes no room.
 */
export class Reserve {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #path: string;
  readonly #bytesMax: number;
  #isWhole: boolean;
  #isMaking = false;
  #hasRunOut = false;
  #onLow: (why: string) => void = () => undefined;

  /** `bytesMax` 0: there is none. */
  constructor(fs: FileSystem, dir: string, bytesMax: number) {
    this.#fs = fs;
    this.#dir = dir;
    this.#path = join(dir, RESERVE_NAME);
    this.#bytesMax = bytesMax;
    this.#isWhole = statSync(this.#path, { throwIfNoEntry: false })?.size === bytesMax;
  }

  /** The disk is full, or was when the reserve should have been made. */
  get isLow(): boolean {
    return this.#hasRunOut || (this.#bytesMax > 0 && !this.#isWhole && !this.#isMaking);
  }

  /** Called from outside each time that the disk has run full. */
  onLow(listener: (why: string) => void): void {
    this.#onLow = listener;
  }

  /** Makes it when it is not there, and there is room. A disk that refuses leaves it low, which is no error. */
  async restore(): Promise<void> {
    if (this.#isMaking || (this.#isWhole && !this.#hasRunOut)) return;
    const free = await this.#fs.freeBytes(this.#dir).catch(() => 0);
    if (free <= this.#bytesMax * ROOM_FACTOR) return;
    this.#hasRunOut = false;
    // Of an opening that asked for one.
    if (this.#bytesMax === 0) return rmSync(this.#path, { force: true });
    this.#isMaking = true;
    try {
      await this.#fill();
      this.#isWhole = this.#isMaking;
    } catch {
      rmSync(this.#path, { force: true });
    } finally {
      this.#isMaking = false;
    }
  }

  /** Runs `action`, which may be run twice; a second time when the disk was full and the reserve could be given up. */
  async spend<Result>(action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (!isFull(error)) throw error;
      const hadReserve = this.#isWhole || this.#isMaking;
      this.#giveUp(String(error));
      if (!hadReserve) throw error;
      return await action();
    }
  }

  #giveUp(why: string): void {
    if (!this.#hasRunOut) setImmediate(() => this.#onLow(why));
    this.#hasRunOut = true;
    this.#isWhole = false;
    this.#isMaking = false;
    if (statSync(this.#path, { throwIfNoEntry: false }) === undefined) return;
    // First the bytes: while the file is still being made its name alone would not give them back.
    truncateSync(this.#path, 0);
    rmSync(this.#path, { force: true });
  }

  async #fill(): Promise<void> {
    const zeros = Buffer.alloc(Math.min(PIECE_BYTES, this.#bytesMax));
    const fd = openSync(this.#path, "w");
    try {
      for (let at = 0; at < this.#bytesMax && this.#isMaking; at += zeros.length)
        await writeAll(this.#fs, fd, zeros.subarray(0, this.#bytesMax - at), at);
    } finally {
      closeSync(fd);
    }
  }
}
