import {
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type FileSystem, hostFileSystem } from "../src/index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Syncs take a turn of the event loop, and no time of the disk. */
export const unsynced: FileSystem = { ...hostFileSystem, syncData: turn, syncDir: turn };

type Call = "write" | "syncData" | "syncDir" | "remove";

/** What becomes in a crash of names that were changed and not synced. */
export interface UnsyncedNames {
  readonly start: "old" | "new";
  readonly removed: "back" | "gone";
}

/** A real directory whose host does, on demand, what hosts do: fail a call, write a part, run full, or lose power. */
export class FaultyDisk implements FileSystem {
  readonly #place = mkdtempSync(join(tmpdir(), "halon-journal-"));
  readonly dir = join(this.#place, "journal");
  /** Files that were removed since the directory was synced. */
  readonly #trash = join(this.#place, "trash");
  /** Per file (inode): bytes known to be durable. */
  readonly #synced = new Map<number, number>();
  readonly #underWay = new Set<Promise<unknown>>();
  #syncedStart: Buffer | undefined;
  #syncedEnd: Buffer | undefined;
  #crashes = 0;
  #failures = { write: 0, syncData: 0, syncDir: 0, remove: 0 };
  /** Longest piece that one write takes. */
  pieceBytesMax = Number.POSITIVE_INFINITY;
  /** Bytes of all files of the directory that there is room for. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** So many calls of the present host are made; the next one never returns, as if power went just before it. */
  callsLeft = Number.POSITIVE_INFINITY;
  calls = { write: 0, syncData: 0, syncDir: 0, remove: 0 };
  readonly #host: FileSystem;

  /** `host` does what is not faulty; by default nothing is really synced, as no power is really lost. */
  constructor(host: FileSystem = unsynced) {
    this.#host = host;
  }

  /** The next call of this kind fails. */
  failNext(call: Call): void {
    this.#failures[call]++;
  }

  get usedBytes(): number {
    return readdirSync(this.dir).reduce((sum, name) => sum + statSync(join(this.dir, name)).size, 0);
  }

  /** Power goes: what was not synced of a segment is lost from `keep(unsyncedBytes)` bytes on, of other files all of it. */
  async crash(
    keep: (unsyncedBytes: number) => number,
    names: UnsyncedNames = { start: "new", removed: "gone" },
  ): Promise<void> {
    this.#crashes++;
    this.callsLeft = Number.POSITIVE_INFINITY;
    await Promise.allSettled(this.#underWay);
    if (names.start === "old") this.#putBack("start", this.#syncedStart);
    if (this.#syncedEnd !== undefined && existsSync(join(this.dir, "end"))) this.#putBack("end", this.#syncedEnd);
    for (const name of existsSync(this.#trash) ? readdirSync(this.#trash) : [])
      if (names.removed === "back") renameSync(join(this.#trash, name), join(this.dir, name));
    for (const name of readdirSync(this.dir)) {
      const path = join(this.dir, name);
      if (name.startsWith("claim.")) rmSync(path);
      if (!name.endsWith(".journal")) continue;
      const { ino, size } = statSync(path);
      const synced = this.#synced.get(ino) ?? size;
      truncateSync(path, synced + keep(size - synced));
    }
  }

  dispose(): void {
    rmSync(this.#place, { recursive: true, force: true });
  }

  #putBack(name: string, bytes: Buffer | undefined): void {
    if (bytes === undefined) rmSync(join(this.dir, name), { force: true });
    else writeFileSync(join(this.dir, name), bytes);
  }

  /** For one opening of the journal: after a crash its calls never return. */
  host(): FileSystem {
    const crashes = this.#crashes;
    const guard = <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (crashes === this.#crashes && this.callsLeft-- <= 0) this.#crashes++;
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
      remove: (path) => guard(() => this.remove(path)),
      freeBytes: () => this.freeBytes(),
    };
  }

  async write(fd: number, bytes: Uint8Array, position: number): Promise<number> {
    this.#count("write");
    const { ino, size } = fstatSync(fd);
    // A new file may have got the inode of one that is gone.
    if (position === 0) this.#synced.set(ino, 0);
    else if (!this.#synced.has(ino)) this.#synced.set(ino, size);
    const room = Math.max(0, this.roomBytes - this.usedBytes) + size - position;
    if (room <= 0) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    return hostFileSystem.write(fd, bytes.subarray(0, Math.min(this.pieceBytesMax, room)), position);
  }

  async syncData(fd: number): Promise<void> {
    this.#count("syncData");
    const { ino, size } = fstatSync(fd);
    await this.#host.syncData(fd);
    this.#synced.set(ino, size);
    if (this.#inodeOf("end") === ino) this.#syncedEnd = readFileSync(join(this.dir, "end"));
  }

  async syncDir(fd: number): Promise<void> {
    this.#count("syncDir");
    await this.#host.syncDir(fd);
    if (fstatSync(fd).ino !== this.#inodeOf(".")) return;
    const start = join(this.dir, "start");
    this.#syncedStart = existsSync(start) ? readFileSync(start) : undefined;
    // New under its name, it was synced before under another.
    this.#syncedEnd ??= existsSync(join(this.dir, "end")) ? readFileSync(join(this.dir, "end")) : undefined;
    rmSync(this.#trash, { recursive: true, force: true });
  }

  async remove(path: string): Promise<void> {
    this.#count("remove");
    mkdirSync(this.#trash, { recursive: true });
    renameSync(path, join(this.#trash, basename(path)));
  }

  async freeBytes(): Promise<number> {
    return this.roomBytes - this.usedBytes;
  }

  #inodeOf(name: string): number | undefined {
    return statSync(join(this.dir, name), { throwIfNoEntry: false })?.ino;
  }

  #count(call: Call): void {
    this.calls[call]++;
    if (this.#failures[call] === 0) return;
    this.#failures[call]--;
    throw new Error("EIO: i/o error");
  }
}

/** Puts a file in place of another, which is quicker than to write over it: ext4 syncs a file that was truncated. */
export function put(path: string, bytes: Uint8Array): void {
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
}

/** The files of a directory, to be put back as they were. */
export class Kept {
  readonly #dir: string;
  readonly #files: ReadonlyMap<string, Buffer>;

  constructor(dir: string) {
    this.#dir = dir;
    this.#files = new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]));
  }

  putBack(): void {
    for (const name of readdirSync(this.#dir)) if (!this.#files.has(name)) rmSync(join(this.#dir, name));
    for (const [name, bytes] of this.#files) {
      const path = join(this.#dir, name);
      if (!existsSync(path) || !readFileSync(path).equals(bytes)) put(path, bytes);
    }
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
