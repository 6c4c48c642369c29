import { fstatSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileSystem, hostFileSystem } from "../src/index.ts";

/** A real directory whose host does, on demand, what hosts do: fail a call, write a part, or lose power. */
export class FaultyDisk implements FileSystem {
  readonly dir = join(mkdtempSync(join(tmpdir(), "halon-journal-")), "journal");
  /** Per file (inode): bytes known to be durable. */
  readonly #synced = new Map<number, number>();
  readonly #underWay = new Set<Promise<unknown>>();
  #crashes = 0;
  #failures = { write: 0, syncData: 0, syncDir: 0 };
  /** Longest piece that one write takes. */
  pieceBytesMax = Number.POSITIVE_INFINITY;
  calls = { write: 0, syncData: 0, syncDir: 0 };

  /** The next call of this kind fails. */
  failNext(call: "write" | "syncData" | "syncDir"): void {
    this.#failures[call]++;
  }

  /** Power goes: what was not synced of a file is lost from `keep(unsyncedBytes)` bytes on. */
  async crash(keep: (unsyncedBytes: number) => number): Promise<void> {
    this.#crashes++;
    await Promise.allSettled(this.#underWay);
    for (const name of readdirSync(this.dir)) {
      const path = join(this.dir, name);
      if (name.startsWith("claim.")) rmSync(path);
      if (!name.endsWith(".journal")) continue;
      const { ino, size } = statSync(path);
      const synced = this.#synced.get(ino) ?? size;
      truncateSync(path, synced + keep(size - synced));
    }
  }

  remove(): void {
    rmSync(join(this.dir, ".."), { recursive: true, force: true });
  }

  /** For one opening of the journal: after a crash its calls never return. */
  host(): FileSystem {
    const crashes = this.#crashes;
    const guard = <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (crashes !== this.#crashes) return new Promise(() => undefined);
      const result = call();
      this.#underWay.add(result);
      return result
        .finally(() => this.#underWay.delete(result))
        .then((value) => (crashes === this.#crashes ? value : new Promise(() => undefined)));
    };
    return {
      write: (fd, bytes, position) => guard(() => this.write(fd, bytes, position)),
      syncData: (fd) => guard(() => this.syncData(fd)),
      syncDir: (fd) => guard(() => this.syncDir(fd)),
    };
  }

  async write(fd: number, bytes: Uint8Array, position: number): Promise<number> {
    this.#count("write");
    const { ino, size } = fstatSync(fd);
    // A new file may have got the inode of one that is gone.
    if (position === 0) this.#synced.set(ino, 0);
    else if (!this.#synced.has(ino)) this.#synced.set(ino, size);
    return hostFileSystem.write(fd, bytes.subarray(0, this.pieceBytesMax), position);
  }

  async syncData(fd: number): Promise<void> {
    this.#count("syncData");
    const { ino, size } = fstatSync(fd);
    await hostFileSystem.syncData(fd);
    this.#synced.set(ino, size);
  }

  async syncDir(fd: number): Promise<void> {
    this.#count("syncDir");
    await hostFileSystem.syncDir(fd);
  }

  #count(call: "write" | "syncData" | "syncDir"): void {
    this.calls[call]++;
    if (this.#failures[call] === 0) return;
    this.#failures[call]--;
    throw new Error("EIO: i/o error");
  }
}

const DEADLINE_MS = 30_000;

/** Resolves once `condition` holds, asked again after each round of IO. */
export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error("the condition never held");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
