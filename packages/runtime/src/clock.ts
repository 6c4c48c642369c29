/** Cancels what it was returned for; calling it again, or too late, does nothing. */
export type Cancel = () => void;

/**
 * Monotonic time of one machine. The origin means nothing; values are never compared between machines and never
 * written into a message. It goes on counting while the process is paused.
 */
export interface Clock {
  /** Milliseconds, with fractions. Never goes back. */
  nowMs(): number;
  /**
   * Calls `fire` once, not before `atMs` and never from within this call. Calls due at the same time come in the order
   * in which they were asked for.
   */
  at(atMs: number, fire: () => void): Cancel;
}

/** Longest delay that the host's timers take in one piece; longer ones are asked for again. */
const TIMER_DELAY_MAX_MS = 2 ** 30;

/** The clock of this machine: CLOCK_MONOTONIC, which counts through SIGSTOP. */
export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  at(atMs, fire) {
    const delayMs = atMs - systemClock.nowMs();
    if (delayMs <= 0) {
      // A timeout of 0 would take a whole millisecond.
      const immediate = setImmediate(fire);
      return () => clearImmediate(immediate);
    }
    const again = (): void => {
      cancel = systemClock.at(atMs, fire);
    };
    const arrived = (): void => (systemClock.nowMs() >= atMs ? fire() : again());
    const timer = setTimeout(arrived, Math.min(Math.ceil(delayMs), TIMER_DELAY_MAX_MS));
    let cancel: Cancel = () => clearTimeout(timer);
    return () => cancel();
  },
};
