import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 100;

/** Looks until `look` returns nothing; otherwise it returns what is missing, which is told when the deadline passes. */
export async function until(
  what: string,
  deadlineMs: number,
  look: () => string | undefined | Promise<string | undefined>,
  pollMs = POLL_MS,
): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (performance.now() - startMs > deadlineMs)
      throw new Error(`waited ${Math.round(deadlineMs / 1_000)} s for ${what} in vain: ${missing}`);
    await wait(pollMs);
  }
}
