import { createServer } from "node:net";

/** Tries before a start is given up. */
const TRIES_MAX = 16;

/** Assigns TCP ports of this machine that are free right now. */
export class Ports {
  readonly #taken = new Set<number>();

  /** `wanted` if it is free; `done(0)` when none can be had. Taken until released. */
  take(wanted: number, done: (port: number) => void, tries = TRIES_MAX): void {
    if (tries === 0) return done(0);
    const isTaken = wanted !== 0 && this.#taken.has(wanted);
    const server = createServer();
    server.once("error", () => this.take(0, done, tries - 1));
    server.listen(isTaken ? 0 : wanted, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => {
        if (port === 0 || this.#taken.has(port)) return this.take(0, done, tries - 1);
        this.#taken.add(port);
        done(port);
      });
    });
  }

  /** Of a survivor. */
  adopt(port: number): void {
    if (port !== 0) this.#taken.add(port);
  }

  release(port: number): void {
    this.#taken.delete(port);
  }
}
