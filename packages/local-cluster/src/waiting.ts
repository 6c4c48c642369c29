import { setTimeout as wait } from "node:timers/promises";
import { LocalError } from "./local-error.ts";

const POLL_MS = 50;

export interface WaitOptions {
  /** What is waited for, as in "waited 20 s for …". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Where a person may look when it does not come. */
  readonly lookAt?: string;
  readonly pollMs?: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal;
}

/** Asks `probe` until it says yes. Rejects with {@link LocalError} when the deadline passes. */
export async function until<Value>(
  options: WaitOptions,
  probe: () => Promise<Probed<Value>> | Probed<Value>,
): Promise<Value> {
  const { deadlineMs, pollMs = POLL_MS, signal } = options;
  const startMs = performance.now();
  let why = "";
  for (;;) {
    signal?.throwIfAborted();
    const probed = await probe();
    if (probed.kind === "yes") return probed.value;
    why = probed.why;
    if (performance.now() - startMs > deadlineMs) break;
    await wait(pollMs, undefined, signal === undefined ? {} : { signal });
  }
  throw inVain(options, why);
}

/** The value, if it comes before the deadline. Rejects with {@link LocalError} when it does not. */
export async function inTime<Value>(value: Promise<Value>, options: WaitOptions): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(inVain(options, "")), options.deadlineMs);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}

function inVain({ what, deadlineMs, lookAt }: WaitOptions, why: string): LocalError {
  const reason = why === "" ? "" : `: ${why}`;
  const hint = lookAt === undefined ? "" : `. Look at ${lookAt}`;
  return new LocalError(`waited ${(deadlineMs / 1_000).toFixed(0)} s for ${what} in vain${reason}${hint}`);
}

/** What one look came to. */
export type Probed<Value> =
  | { readonly kind: "yes"; readonly value: Value }
  | { readonly kind: "no"; readonly why: string };

export const yes = <Value>(value: Value): Probed<Value> => ({ kind: "yes", value });
/** `why` is told when the deadline passes. */
export const notYet = (why = ""): Probed<never> => ({ kind: "no", why });
