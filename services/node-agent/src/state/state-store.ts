/** One small thing that is replaced whole. The simulator supplies one with crash semantics. */
export interface StateStore {
  /** What was saved last, `undefined` when nothing was. */
  load(): Uint8Array | undefined;
  /**
   * Replaces it; `done` once that survives power loss, never from within the call. Saves become durable in order; a crash
   * keeps one of them, whole. What cannot be written is tried again for ever, without `done`.
   */
  save(bytes: Uint8Array, done: () => void): void;
}
