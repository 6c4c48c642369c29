/** Where the log goes. One `append` at a time. */
export interface LogFile {
  /** Appends all of `chunk`, or as much as it can. `done` tells how many bytes are written, and what went wrong with the rest. */
  append(chunk: Buffer, done: (bytesWritten: number, error: Error | undefined) => void): void;
  /**
   * Appends before it returns, for a process that is about to end; throws when that fails. Allowed while an `append` is
   * under way, whose bytes come first where that can be known.
   */
  appendSync(chunk: Buffer): void;
}
