import type { Directory } from "@halon/proto";

export type TrackerInput =
  /** What an `ask` came to; `undefined` when nobody answered. */
  | { readonly kind: "answer"; readonly ask: number; readonly directory: Directory | undefined }
  /** Something that the directory named did not answer. */
  | { readonly kind: "refresh" }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type TrackerOutput =
  | { readonly kind: "ask"; readonly ask: number }
  | { readonly kind: "changed"; readonly directory: Directory }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** The directory is asked for this often when nothing happens. */
export const REFRESH_MS = 5_000;
/** And, when something does, at most this often. */
export const REFRESH_MS_MIN = 200;

export const NO_DIRECTORY: Directory = { stations: [], leader: "", transponders: [], monitors: [] };

const isSame = (a: Directory, b: Directory): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Knows where the event queue can be reached: stations, leader, transponders and monitors, as any station tells it;
 * sans-IO. What it knows can be late, never made up. Begin with a `refresh` input.
 */
export class TrackerCore {
  #directory = NO_DIRECTORY;
  #ask = 0;
  #isAsking = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  get directory(): Directory {
    return this.#directory;
  }

  step(input: TrackerInput, nowMs: number): readonly TrackerOutput[] {
    if (input.kind === "answer") return this.#onAnswer(input.ask, input.directory, nowMs);
    if (this.#isAsking) return [];
    const dueMs = this.#askedAtMs + REFRESH_MS_MIN;
    if (nowMs < dueMs) return [{ kind: "timer", name: "refresh", atMs: dueMs }];
    this.#isAsking = true;
    this.#askedAtMs = nowMs;
    return [{ kind: "ask", ask: ++this.#ask }];
  }

  #onAnswer(ask: number, directory: Directory | undefined, nowMs: number): readonly TrackerOutput[] {
    if (ask !== this.#ask) return [];
    this.#isAsking = false;
    if (directory === undefined) return [{ kind: "timer", name: "refresh", atMs: nowMs + REFRESH_MS_MIN }];
    const timer = { kind: "timer", name: "refresh", atMs: nowMs + REFRESH_MS } as const;
    if (isSame(directory, this.#directory)) return [timer];
    this.#directory = directory;
    return [timer, { kind: "changed", directory }];
  }
}
