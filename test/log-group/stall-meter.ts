import { closeSync, openSync, readSync } from "node:fs";

const LOOK_EVERY_MS = 5;
const TEXT_BYTES_MAX = 128;

/** The longest that the event loop of this process did not turn, since the last {@link StallMeter.reset}. */
export interface Stalls {
  /** From when it should have turned to when it did. */
  readonly longestMs: number;
  /** The longest when time is left out in which the thread was ready to run, and the host had no core for it. */
  readonly longestOwnMs: number;
}

/** Looks again and again whether the event loop turns. Costs some microseconds each time. */
export class StallMeter {
  readonly #file = openSchedule();
  readonly #text = Buffer.alloc(TEXT_BYTES_MAX);
  readonly #timer: NodeJS.Timeout;
  #lookedMs = performance.now();
  #waitedMs = this.#readWaitedMs();
  #longestMs = 0;
  #longestOwnMs = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  get stalls(): Stalls {
    return { longestMs: this.#longestMs, longestOwnMs: this.#longestOwnMs };
  }

  reset(): void {
    this.#longestMs = 0;
    this.#longestOwnMs = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#file !== undefined) closeSync(this.#file);
  }

  #look(): void {
    const nowMs = performance.now();
    const waitedMs = this.#readWaitedMs();
    const stallMs = Math.max(0, nowMs - this.#lookedMs - LOOK_EVERY_MS);
    this.#longestMs = Math.max(this.#longestMs, stallMs);
    this.#longestOwnMs = Math.max(this.#longestOwnMs, stallMs - (waitedMs - this.#waitedMs));
    this.#lookedMs = nowMs;
    this.#waitedMs = waitedMs;
  }

  /** Since the thread began. 0 where the host does not tell. */
  #readWaitedMs(): number {
    if (this.#file === undefined) return 0;
    const length = readSync(this.#file, this.#text, 0, TEXT_BYTES_MAX, 0);
    // Nanoseconds on a core, nanoseconds waiting for one, times it got one.
    return Number(this.#text.toString("latin1", 0, length).split(" ")[1]) / 1e6;
  }
}

/** Of the main thread, which has the id of its process. */
function openSchedule(): number | undefined {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  } catch {
    return undefined;
  }
}
