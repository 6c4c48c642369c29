import { assert, REQUESTS_MAX, type RequestOutcome } from "@halon/runtime";

interface Waiting {
  readonly done: (outcome: RequestOutcome) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests that wait for their first reply, by the last token of their reply subject. */
export class Requests {
  /** Invariant: at most REQUESTS_MAX. */
  readonly #waiting = new Map<string, Waiting>();
  #numbered = 0;

  get isFull(): boolean {
    return this.#waiting.size >= REQUESTS_MAX;
  }

  /** Begins to wait; `done` is called once by `settle`, at the latest by the timeout. Returns the token. */
  add(timeoutMs: number, done: (outcome: RequestOutcome) => void): string {
    assert(!this.isFull, `more than ${REQUESTS_MAX} requests`);
    const token = (this.#numbered++).toString(36);
    const timer = setTimeout(() => this.settle(token, { kind: "timeout" }), timeoutMs);
    this.#waiting.set(token, { done, timer });
    return token;
  }

  /** Whether this token is still waited for. */
  has(token: string): boolean {
    return this.#waiting.has(token);
  }

  /** Ends the request unless it has ended before. */
  settle(token: string, outcome: RequestOutcome): void {
    const request = this.#waiting.get(token);
    if (request === undefined) return;
    this.cancel(token);
    request.done(outcome);
  }

  /** Forgets the request. */
  cancel(token: string): void {
    clearTimeout(this.#waiting.get(token)?.timer);
    this.#waiting.delete(token);
  }

  settleAll(outcome: RequestOutcome): void {
    for (const token of [...this.#waiting.keys()]) this.settle(token, outcome);
  }
}
