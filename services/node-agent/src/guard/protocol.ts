/** How a guard is told what to do: one line of JSON, its only argument. */
export interface GuardOrder {
  readonly socket: string;
  readonly command: readonly string[];
  /** Runs the command so that it dies with the guard, where the system has such a program; else empty. */
  readonly leash: readonly string[];
  readonly cwd: string;
  readonly session: number;
  /** On CLOCK_MONOTONIC, in milliseconds. */
  readonly deadlineMs: number;
  /** Between asking the program to end and killing it. */
  readonly stopGraceMs: number;
}

/** Agent to guard, a line each. */
export interface GuardRenewal {
  readonly session: number;
  readonly deadlineMs: number;
}

/** Guard to agent, a line each: at connecting, and when the program has started. */
export interface GuardReport extends GuardRenewal {
  /** Leader of the group that it guards. */
  readonly pid: number;
  readonly guardPid: number;
}

/** Variable that tells a guard, and what it guards, from all else. */
export const MARK_GUARD = "HALON_GUARD";
export const MARK_IS_GUARD = "guard";
export const MARK_GUARDED = "guarded";

/** Above it is a signal's number. */
export const EXIT_CODE_SIGNAL = 128;
/** The deadline has passed, and the group was killed. */
export const EXIT_CODE_FENCED = 124;
/** The program could not be started. */
export const EXIT_CODE_NO_PROGRAM = 127;
/** Another guard of the same instance is alive, or the deadline had passed before the start. */
export const EXIT_CODE_REFUSED = 125;
