import { closeSync, copyFileSync, mkdirSync, openSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** Where output of programs goes: files, that outlive the agent as the programs do. */
export class LogFiles {
  readonly #dir: string;
  readonly #node: string;
  readonly #bytesMax: number;

  /** A file above `bytesMax` is put aside; one old file is kept. */
  constructor(dir: string, node: string, bytesMax: number) {
    mkdirSync(dir, { recursive: true });
    this.#dir = dir;
    this.#node = node;
    this.#bytesMax = bytesMax;
  }

  pathOf(key: string): string {
    return join(this.#dir, `${this.#node}.${key.replaceAll("/", ".")}.log`);
  }

  /** Calls `use` with the open file, which is closed afterwards. */
  withFile<Value>(key: string, use: (fd: number) => Value): Value {
    const fd = openSync(this.pathOf(key), "a");
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Puts a file aside that has grown too large. The program has it open for appending, so it is emptied in place. */
  rotate(key: string): void {
    const path = this.pathOf(key);
    try {
      if (statSync(path).size <= this.#bytesMax) return;
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
    } catch {
      // It is not there, or the disk is full: it is tried again.
    }
  }
}
