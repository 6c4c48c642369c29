import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const TAIL_BYTES = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;
const POLL_MS = 200;

/** The last `linesMax` lines of a file, as far as they are in its last 64 KiB, and where the file ended. */
export function tailOf(path: string, linesMax: number): { readonly text: string; readonly end: number } {
  const { size } = statSync(path);
  const start = Math.max(0, size - TAIL_BYTES);
  const text = readPart(path, start, size);
  const lines = text.split("\n");
  // The first is most likely only the end of one, when the file is longer.
  const whole = start > 0 ? lines.slice(1) : lines;
  const isEnded = whole.at(-1) === "";
  const kept = whole.slice(-(linesMax + (isEnded ? 1 : 0)));
  return { text: kept.join("\n"), end: size };
}

function readPart(path: string, from: number, to: number): string {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(to - from, TAIL_BYTES));
    const count = readSync(file, buffer, 0, buffer.length, from);
    return buffer.toString("utf8", 0, count);
  } finally {
    closeSync(file);
  }
}

/** Writes what is added behind `from`, until `signal`. A file that was put aside or emptied is read from its beginning. */
export async function follow(
  path: string,
  from: number,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let file = openSync(path, "r");
  let at = from;
  try {
    while (!signal.aborted) {
      const part = Buffer.alloc(CHUNK_BYTES);
      if (fstatSync(file).size < at) at = 0;
      const count = readSync(file, part, 0, part.length, at);
      at += count;
      if (count > 0) {
        write(part.toString("utf8", 0, count));
        continue;
      }
      const present = statSync(path, { throwIfNoEntry: false });
      if (present !== undefined && present.ino !== fstatSync(file).ino) {
        closeSync(file);
        file = openSync(path, "r");
        at = 0;
        continue;
      }
      await wait(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    closeSync(file);
  }
}
