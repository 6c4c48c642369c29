import { readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "@halon/runtime";
import type { StateStore } from "./state-store.ts";

const RETRY_MS = 1_000;

export interface StateFileOptions {
  readonly clock: Clock;
  readonly path: string;
  /** Told of each write that failed. */
  readonly onFailure: (error: Error) => void;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: readonly (() => void)[];
}

/** A {@link StateStore} in one file, replaced by renaming. Of saves that wait only the newest is written. */
export class StateFile implements StateStore {
  readonly #options: StateFileOptions;
  #waiting: Waiting | undefined;
  #isWriting = false;

  constructor(options: StateFileOptions) {
    this.#options = options;
  }

  load(): Uint8Array | undefined {
    try {
      return readFileSync(this.#options.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  save(bytes: Uint8Array, done: () => void): void {
    this.#waiting = { bytes, done: [...(this.#waiting?.done ?? []), done] };
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting !== undefined) {
      const { bytes, done } = this.#waiting;
      this.#waiting = undefined;
      try {
        await replaceFile(this.#options.path, bytes);
        for (const each of done) each();
      } catch (error) {
        // A newer one may have come meanwhile: its being durable is as good.
        const newer = this.#waiting as Waiting | undefined;
        this.#waiting = { bytes: newer?.bytes ?? bytes, done: [...done, ...(newer?.done ?? [])] };
        this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
        const { clock } = this.#options;
        await new Promise<void>((resume) => clock.at(clock.nowMs() + RETRY_MS, resume));
      }
    }
    this.#isWriting = false;
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const next = `${path}.new`;
  const file = await open(next, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const dir = await open(dirname(path), "r");
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}
