const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Ctrl-C comes from the terminal and again from npm: within this time it counts as one. */
const SAME_MS = 500;

export interface StopSignals {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** Which one it was. */
  readonly name: () => NodeJS.Signals | undefined;
  /** Called at a further one: somebody is in a hurry. */
  onHurry(hurry: () => void): void;
}

/** Has SIGINT, SIGTERM and SIGHUP stop this process in good order. */
export function listenForStop(): StopSignals {
  const controller = new AbortController();
  let name: NodeJS.Signals | undefined;
  let firstMs = 0;
  let hurry = (): void => undefined;
  for (const each of SIGNALS)
    process.on(each, () => {
      if (name === undefined) {
        [name, firstMs] = [each, performance.now()];
        controller.abort(new Error(`stopped by ${each}`));
      } else if (performance.now() - firstMs > SAME_MS) hurry();
    });
  return {
    signal: controller.signal,
    name: () => name,
    onHurry: (next) => {
      hurry = next;
    },
  };
}
