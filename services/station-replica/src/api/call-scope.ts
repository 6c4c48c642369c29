import type { Clock } from "@halon/runtime";
import { ApiError } from "./api-error.ts";

/** Why a call is not waited for any more: `deadline`, `cancelled` by its caller, or `stopping` station. */
export type CallEnd = "deadline" | "cancelled" | "stopping";

/** Calls under way that may wait for the stations. Further ones are refused. */
export const CALLS_MAX = 128;
/** Longest that a call waits, whatever its caller has patience for. */
export const CALL_MS_MAX = 30_000;

/** Gives each call a signal that ends its waiting: at its deadline, when its caller goes, when the station stops. */
export class CallScopes {
  readonly #clock: Clock;
  readonly #open = new Set<AbortController>();
  #isStopping = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `work` with a signal that aborts, with a {@link CallEnd} as reason, after `spanMs` at the latest; `hold` gets the
   * function by which the caller's going is told. Throws `RESOURCE_EXHAUSTED` and `UNAVAILABLE`.
   */
  async run<Result>(
    spanMs: number,
    hold: (cancel: () => void) => void,
    work: (signal: AbortSignal) => Result | Promise<Result>,
  ): Promise<Result> {
    if (this.#isStopping) throw new ApiError("UNAVAILABLE", "this station stops: ask another");
    if (this.#open.size >= CALLS_MAX)
      throw new ApiError("RESOURCE_EXHAUSTED", `${CALLS_MAX} calls are under way at this station: ask another`);
    const controller = new AbortController();
    const end = (reason: CallEnd) => (): void => controller.abort(reason);
    const cancel = this.#clock.at(this.#clock.nowMs() + Math.min(spanMs, CALL_MS_MAX), end("deadline"));
    this.#open.add(controller);
    hold(end("cancelled"));
    try {
      return await work(controller.signal);
    } finally {
      cancel();
      this.#open.delete(controller);
    }
  }

  /** Ends all waiting; no call gets in any more. */
  stop(): void {
    this.#isStopping = true;
    for (const controller of this.#open) controller.abort("stopping" satisfies CallEnd);
  }
}
