import type { Replicator } from "../replicator.ts";
import type { WatchFrom, WatchNews } from "../watch/index.ts";

/**
 * A watch as an iteration: the next news are asked for when the loop comes back for them, so that a slow loop holds up nobody.
 * It ends behind the first news that are not `changes`, when `signal` says so, and when it is left.
 */
export async function* newsOf(
  replicator: Pick<Replicator, "watch">,
  from: WatchFrom,
  signal?: AbortSignal,
): AsyncGenerator<WatchNews, void, undefined> {
  let told: { readonly news: WatchNews; readonly proceed: () => void } | undefined;
  let wake: () => void = () => undefined;
  const cancel = replicator.watch(from, (news, proceed) => {
    told = { news, proceed };
    wake();
  });
  const stop = (): void => wake();
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      while (told === undefined && signal?.aborted !== true)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (told === undefined || signal?.aborted === true) return;
      const { news, proceed } = told;
      told = undefined;
      yield news;
      if (news.kind !== "changes") return;
      proceed();
    }
  } finally {
    cancel();
    signal?.removeEventListener("abort", stop);
  }
}
