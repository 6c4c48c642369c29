import type { Decree } from "@halon/replicated-log";
import type { Store } from "@halon/runtime";

/** What may be applied and not yet durable in the store, as counted here: well below what a store takes. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;
/** What a decree changes beside its payloads: sessions, position, bookkeeping of the state machine. */
const DECREE_OVERHEAD_BYTES = 16 * 1024;

/**
 * Holds up applying while the store's disk is behind. Without it a member that replays its journal would write more in one
 * turn than a store takes.
 */
export class ApplyGate {
  readonly #store: Pick<Store, "flush">;
  readonly #onOpen: () => void;
  #pendingBytes = 0;
  #isFlushing = false;

  /** `onOpen`: after the gate was closed, and never from within another call of it. */
  constructor(store: Pick<Store, "flush">, onOpen: () => void) {
    this.#store = store;
    this.#onOpen = onOpen;
  }

  get isOpen(): boolean {
    return this.#pendingBytes < PENDING_BYTES_MAX;
  }

  /** This decree was applied. */
  note({ commands }: Decree): void {
    for (const { payload } of commands) this.#pendingBytes += payload.byteLength;
    this.#pendingBytes += DECREE_OVERHEAD_BYTES;
    if (!this.#isFlushing && this.#pendingBytes >= PENDING_BYTES_MAX / 2) this.#flush();
  }

  #flush(): void {
    const bytes = this.#pendingBytes;
    this.#isFlushing = true;
    this.#store.flush(() => {
      this.#isFlushing = false;
      const wasOpen = this.isOpen;
      this.#pendingBytes -= bytes;
      if (!this.isOpen) this.#flush();
      if (!wasOpen && this.isOpen) this.#onOpen();
    });
  }
}
