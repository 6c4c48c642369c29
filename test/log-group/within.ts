import { setTimeout as wait } from "node:timers/promises";

/** Throws when the promise takes longer than that. */
export async function within<T>(promise: Promise<T>, msMax: number, late: () => string): Promise<T> {
  const given = new AbortController();
  const timeout = wait(msMax, undefined, { signal: given.signal }).then(() => {
    throw new Error(`${late()} after ${msMax / 1_000} s`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    given.abort();
  }
}
