import { connect } from "node:net";
import type { ServerAddress } from "./address.ts";

/**
 * Resolves when a NATS server greets at the address; rejects with the reason in plain words. Holds no socket afterwards.
 *
 * Why not just connect: when a server accepts but does not greet (it is stopped, or hung), `nats` gives up after its
 * timeout and leaves the socket open. Each further attempt would leave one more.
 */
export function probe({ host, port }: ServerAddress, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const end = (why?: string): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.destroy();
      if (why === undefined) resolve();
      else reject(new Error(why));
    };
    const abort = (): void => end("given up");
    const timer = setTimeout(() => end(`no greeting within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    socket.once("data", (greeting) =>
      end(/^INFO\s/i.test(greeting.toString("latin1", 0, 5)) ? undefined : "what answers is not a NATS server"),
    );
    // An error may come late, when all is decided; without a listener it would end the process.
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once("close", () => end("connection closed without a greeting"));
  });
}
