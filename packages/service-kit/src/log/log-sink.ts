import type { Cancel, Clock } from "@halon/runtime";
import type { LogFile } from "./log-file.ts";
import { tellStandardError } from "./standard-error.ts";

/** What may wait for a slow or full disk. At it, lines are left out until half of it is written. */
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** The longest line; as many bytes of lines are written in one piece. */
export const LINE_BYTES_MAX = 256 * 1024;
/** Of the message of a longer line, this much is kept. */
const CUT_CHARS = 1_024;
/** After a failed write. */
const RETRY_MS = 500;
/** What is left then is written at once. */
const DRAIN_MS = 1_000;
/** After finding a pipe full. */
const RETRY_FULL_MS = 5;

export interface LogSinkOptions {
  readonly file: LogFile;
  readonly clock: Clock;
  /** Told when lines can be taken again that `count` of them were not; logs it. Such a line is always taken. */
  readonly onLeftOut: (count: number, why: string) => void;
}

/**
 * Takes log lines without ever making the caller wait, and writes them in order. A failed write is tried again; lines
 * that cannot wait are left out and counted.
 */
export class LogSink {
  readonly #options: LogSinkOptions;
  /** In order of arrival, without what is under way. */
  #waiting: Buffer[] = [];
  /** Invariant: the sum of the lengths in `#waiting`, below WAITING_BYTES_MAX plus one line. */
  #waitingBytes = 0;
  #isFull = false;
  #isUnderWay = false;
  #retry: Cancel | undefined;
  #drained: (() => void)[] = [];
  #leftOut = 0;
  #why = "they came faster than they could be written";

  constructor(options: LogSinkOptions) {
    this.#options = options;
  }

  /** Takes one JSON object that ends with a line feed. */
  write(line: string): void {
    if (this.#isFull) {
      this.#leftOut++;
      return;
    }
    this.#reportLeftOut();
    const bytes = Buffer.from(line);
    this.#add(bytes.length > LINE_BYTES_MAX ? Buffer.from(cutLine(line, bytes.length)) : bytes);
    this.#pump();
  }

  /** Calls `done` when all lines are written, in order, as far as the disk is not too slow for it. For the end of the process. */
  drain(done: () => void): void {
    this.#isFull = false;
    this.#reportLeftOut();
    const { clock } = this.#options;
    const cancel = clock.at(clock.nowMs() + DRAIN_MS, () => {
      this.#drained = this.#drained.filter((each) => each !== drained);
      this.flushSync();
      done();
    });
    const drained = (): void => {
      cancel();
      done();
    };
    this.#drained.push(drained);
    this.#maybeDrained();
  }

  /**
   * Writes all that waits before it returns, as far as that is possible. Never throws: the process is about to end. Of
   * what is under way it waits for nothing but the order: see {@link LogFile.appendSync}.
   */
  flushSync(): void {
    this.#isFull = false;
    this.#reportLeftOut();
    const chunk = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      if (chunk.length > 0) this.#options.file.appendSync(chunk);
    } catch (error) {
      tellStandardError(`${chunk.length} bytes of log could not be written: ${(error as Error).message}\n`);
    }
  }

  #reportLeftOut(): void {
    const count = this.#leftOut;
    this.#leftOut = 0;
    if (count > 0) this.#options.onLeftOut(count, this.#why);
  }

  #add(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) this.#isFull = true;
  }

  #pump(): void {
    if (this.#isUnderWay || this.#retry !== undefined || this.#waiting.length === 0) return;
    const chunk = this.#take();
    this.#isUnderWay = true;
    this.#options.file.append(chunk, (bytesWritten, error) => {
      this.#isUnderWay = false;
      if (bytesWritten < chunk.length) this.#putBack(chunk.subarray(bytesWritten));
      if (error === undefined) this.#pump();
      else this.#pumpLater(error);
      this.#maybeDrained();
    });
  }

  #maybeDrained(): void {
    if (this.#isUnderWay || this.#waiting.length > 0) return;
    for (const done of this.#drained.splice(0)) done();
  }

  #pumpLater(error: NodeJS.ErrnoException): void {
    const isFullPipe = error.code === "EAGAIN";
    if (!isFullPipe) this.#why = error.message;
    const { clock } = this.#options;
    this.#retry = clock.at(clock.nowMs() + (isFullPipe ? RETRY_FULL_MS : RETRY_MS), () => {
      this.#retry = undefined;
      this.#pump();
    });
  }

  /** The oldest lines, as many as go in one piece. */
  #take(): Buffer {
    let count = 0;
    let bytes = 0;
    for (const line of this.#waiting) {
      if (count > 0 && bytes + line.length > LINE_BYTES_MAX) break;
      bytes += line.length;
      count++;
    }
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes <= WAITING_BYTES_MAX / 2) this.#isFull = false;
    return Buffer.concat(this.#waiting.splice(0, count));
  }

  #putBack(rest: Buffer): void {
    this.#waiting.unshift(rest);
    this.#waitingBytes += rest.length;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) this.#isFull = true;
  }
}

/** What tells where a line comes from, and the beginning of its message. */
function cutLine(line: string, bytes: number): string {
  const { level, time, service, node, pid, msg } = JSON.parse(line) as Record<string, unknown>;
  return `${JSON.stringify({ level, time, service, node, pid, msg: String(msg).slice(0, CUT_CHARS), cutFromBytes: bytes })}\n`;
}
