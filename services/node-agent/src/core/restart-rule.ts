const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** Largest number of restarts in a window that can be asked for. */
export const RESTARTS_LIMIT = 1_000;

export interface RestartPolicy {
  /** Restarts within the window; a further failure is final. `endless`: never final. */
  readonly restartsMax: number | "endless";
  readonly windowMs: number;
}

/** Of the node's own services. */
export const ENDLESS: RestartPolicy = { restartsMax: "endless", windowMs: 60_000 };

/** How often, and after what pause, a program that has ended is started again. */
export class RestartRule {
  readonly #policy: RestartPolicy;
  /** Invariant: rising, all within the window, at most as many as are allowed. */
  #restartsAtMs: number[] = [];

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** The pause before the next start, or `undefined` when there shall be none. */
  onExit(nowMs: number): number | undefined {
    const { restartsMax, windowMs } = this.#policy;
    this.#restartsAtMs = this.#restartsAtMs.filter((atMs) => atMs > nowMs - windowMs);
    const count = this.#restartsAtMs.length;
    if (restartsMax !== "endless" && count >= restartsMax) return undefined;
    this.#restartsAtMs.push(nowMs);
    if (this.#restartsAtMs.length > RESTARTS_LIMIT) this.#restartsAtMs.shift();
    return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(count, 16));
  }
}
