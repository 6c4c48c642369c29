import { writeSync } from "node:fs";

const STDERR = 2;

/** Writes before it returns; never throws, as there is nobody left to be told. */
export function tellStandardError(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // See above.
  }
}
