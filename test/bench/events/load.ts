import { nowMs, writeMark } from "./mark.ts";

/** Submits an event; `done` with whether it was acknowledged. */
export type Submit = (payload: Uint8Array, type: string, done: (isStored: boolean) => void) => void;

/** What a producer process is to do. */
export interface Load {
  readonly kind: "load";
  readonly type: string;
  readonly seconds: number;
  /** Events without an answer, as many as can be; or so many each second, evenly. */
  readonly inFlight?: number;
  readonly perSecond?: number;
}

/** What it came to. Times are of the acknowledgements. */
export interface Done {
  /** Since the process has begun. */
  readonly acknowledged: number;
  /** Within the time. */
  readonly inTime: number;
  readonly failed: number;
  readonly latenciesMs: Float64Array;
}

/** More often, and ten processes would spend the machine on waking up. */
const TICK_MS = 5;
/** Of the latencies one of so many is kept where there are masses of them. */
const SAMPLE = 16;

/** One producer process: numbers its events over all its loads. */
export class Loader {
  readonly #producer: number;
  readonly #submit: Submit;
  #seq = 0;
  #acknowledged = 0;

  constructor(producer: number, submit: Submit) {
    this.#producer = producer;
    this.#submit = submit;
  }

  /** Resolves when all has an answer. */
  async run({ type, seconds, inFlight, perSecond }: Load): Promise<Done> {
    const latenciesMs: number[] = [];
    const endMs = nowMs() + seconds * 1_000;
    let [open, inTime, failed] = [0, 0, 0];
    let [isOver, onIdle] = [false, (): void => undefined];
    const one = (isTimed: boolean, then: () => void): void => {
      const sentMs = nowMs();
      const seq = this.#seq++;
      open++;
      this.#submit(writeMark({ producer: this.#producer, seq, sentMs, isTimed }), type, (isStored) => {
        open--;
        if (!isStored) failed++;
        else {
          this.#acknowledged++;
          const atMs = nowMs();
          if (atMs <= endMs) inTime++;
          if (isTimed || seq % SAMPLE === 0) latenciesMs.push(atMs - sentMs);
        }
        if (!isOver) then();
        else if (open === 0) onIdle();
      });
    };
    const loop = (): void => {
      if (nowMs() < endMs) one(false, loop);
    };
    for (let count = 0; count < (inFlight ?? 0); count++) loop();
    if (perSecond !== undefined) await this.#pace(perSecond, endMs, () => one(true, () => undefined));
    else await new Promise((resolve) => setTimeout(resolve, endMs - nowMs()));
    isOver = true;
    if (open > 0)
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    return { acknowledged: this.#acknowledged, inTime, failed, latenciesMs: Float64Array.from(latenciesMs) };
  }

  /** Evenly, whatever the answers do. */
  #pace(perSecond: number, endMs: number, submit: () => void): Promise<void> {
    const beginMs = nowMs();
    let sent = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = nowMs();
        while (sent < ((Math.min(now, endMs) - beginMs) * perSecond) / 1_000) {
          submit();
          sent++;
        }
        if (now < endMs) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
  }
}
