import type { Clock } from "@halon/runtime";

/** Ends one thing. */
export type StopHook = () => void | Promise<void>;

export interface StopOutcome {
  readonly kind: "stopped" | "deadline";
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];
  /** The hook that was running at the deadline. */
  readonly stuck: string | undefined;
}

/** What is to be done at the end, in the reverse of the order in which it was begun. */
export class StopSequence {
  readonly #clock: Clock;
  readonly #hooks: { readonly name: string; readonly hook: StopHook }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `name` is for the log. Hooks added while the sequence runs are run in it. */
  add(name: string, hook: StopHook): void {
    this.#hooks.push({ name, hook });
  }

  /** Runs the hooks, last added first, each when the one before is done. A hook that fails does not keep the others from running. */
  async run(deadlineMs: number): Promise<StopOutcome> {
    const failures: { name: string; error: unknown }[] = [];
    let running: string | undefined;
    let isLate = false;
    const all = async (): Promise<void> => {
      for (let next = this.#hooks.pop(); next !== undefined && !isLate; next = this.#hooks.pop()) {
        running = next.name;
        try {
          await next.hook();
        } catch (error) {
          failures.push({ name: next.name, error });
        }
      }
      running = undefined;
    };
    const { promise: late, resolve: lapse } = settleable();
    const cancel = this.#clock.at(this.#clock.nowMs() + deadlineMs, lapse);
    await Promise.race([all(), late]);
    cancel();
    isLate = running !== undefined;
    return { kind: isLate ? "deadline" : "stopped", failures, stuck: running };
  }
}

function settleable(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
