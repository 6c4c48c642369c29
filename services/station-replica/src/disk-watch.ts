import { statfsSync } from "node:fs";
import type { Cancel, Clock } from "@halon/runtime";

/** With less than this the disk counts as full: what the applied state and the journal need next may not fit. */
export const LOW_BYTES = 32 * 1024 * 1024;
/** With less than this a failure is one for want of room. */
const NONE_BYTES = 1024 * 1024;
const LOOK_MS = 1_000;

/** Bytes that may still be written to the disk of a directory; none, when it does not say. */
export function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** What to do about a disk that failed, when it is for want of room; else nothing. */
export const remedyOf = (free: number): string =>
  free < NONE_BYTES ? ". The disk is full: make room on it and start again; nothing acknowledged is lost" : "";

export interface DiskWatchPorts {
  readonly clock: Clock;
  readonly free: () => number;
  /** Each time that little room is left where there was enough before. */
  readonly onLow: (free: number) => void;
}

/** Looks for a disk that runs full while there is still room to give some of it back, and to say so. */
export class DiskWatch {
  readonly #ports: DiskWatchPorts;
  #isLow = false;
  #cancel: Cancel = () => undefined;

  constructor(ports: DiskWatchPorts) {
    this.#ports = ports;
    this.#look();
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { clock, free, onLow } = this.#ports;
    const bytes = free();
    const wasLow = this.#isLow;
    this.#isLow = bytes < LOW_BYTES;
    this.#cancel = clock.at(clock.nowMs() + LOOK_MS, () => this.#look());
    if (this.#isLow && !wasLow) onLow(bytes);
  }
}
