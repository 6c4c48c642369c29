import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const EVERY_MS = 100;
const BLOCK_BYTES = 512;
/** Kept by the journal for a full disk: of fixed size, and no log. */
const RESERVE = "reserve";

/** Looks again and again how much directories take on the disk. */
export class DiskWatch {
  readonly #timer: NodeJS.Timeout;
  #bytesMax = 0;

  constructor(dirs: readonly string[]) {
    this.#timer = setInterval(() => {
      for (const dir of dirs) this.#bytesMax = Math.max(this.#bytesMax, bytesOf(dir));
    }, EVERY_MS);
  }

  /** Of any one of them, at any time. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Files come and go meanwhile. */
function bytesOf(dir: string): number {
  let bytes = 0;
  for (const name of readdirSync(dir)) {
    const found = statSync(join(dir, name), { throwIfNoEntry: false });
    if (found !== undefined && name !== RESERVE) bytes += found.blocks * BLOCK_BYTES;
  }
  return bytes;
}
