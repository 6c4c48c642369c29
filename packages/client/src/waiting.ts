import type { Cancel } from "@halon/runtime";
import { ClientError } from "./client-error.ts";

/**
 * What `start` calls back with, waited for as long as `signal` lets it: then `cancelled`. `hold` is told how to end the waiting in
 * another way, and that it is over.
 */
export function waited<Result>(
  signal: AbortSignal | undefined,
  open: Set<(error: ClientError) => void>,
  start: (done: (result: Result) => void, fail: (error: ClientError) => void) => Cancel,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let cancel: Cancel = () => undefined;
    const over = (): void => {
      open.delete(fail);
      signal?.removeEventListener("abort", leave);
    };
    const fail = (error: ClientError): void => {
      over();
      cancel();
      reject(error);
    };
    const leave = (): void => fail(new ClientError("cancelled", "not waited for any more, as its signal says"));
    if (signal?.aborted === true) return leave();
    signal?.addEventListener("abort", leave, { once: true });
    open.add(fail);
    try {
      cancel = start((result) => {
        over();
        resolve(result);
      }, fail);
    } catch (error) {
      fail(error as ClientError);
    }
  });
}
