/** A directory with which what was asked for must not or cannot be done. The message says why, and what to do. */
export class OfflineError extends Error {
  override readonly name = "OfflineError";
}
