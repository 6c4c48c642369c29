import { OUTBOUND_BYTES_MAX } from "@halon/runtime";

/** Once so much is unconfirmed, a confirmation is asked for. */
const CONFIRM_BYTES = 256 * 1024;

/**
 * Bounds what waits between `publish` and the server: `nats` and the socket below it take any amount. Bytes count until
 * the server has answered a ping sent behind them.
 */
export class Outbound {
  readonly #confirm: () => Promise<void>;
  /** Invariant: unasked <= waiting <= OUTBOUND_BYTES_MAX. */
  #waiting = 0;
  #unasked = 0;
  #isAsking = false;

  /** `confirm` resolves when the server has taken all that was published before. */
  constructor(confirm: () => Promise<void>) {
    this.#confirm = confirm;
  }

  /** Whether so many bytes more may be published; they count from now on. */
  admit(bytes: number): boolean {
    if (this.#waiting + bytes > OUTBOUND_BYTES_MAX) return false;
    this.#waiting += bytes;
    this.#unasked += bytes;
    return true;
  }

  /** To be called after the admitted bytes were published. */
  maybeConfirm(): void {
    if (this.#isAsking || this.#unasked < CONFIRM_BYTES) return;
    this.#isAsking = true;
    const asked = this.#unasked;
    this.#unasked = 0;
    const confirmed = (): void => {
      this.#isAsking = false;
      this.#waiting -= asked;
      this.maybeConfirm();
    };
    // It fails only together with the connection, and this object ends with that.
    this.#confirm().then(confirmed, () => {});
  }
}
