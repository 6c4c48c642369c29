import type { Cancel, Clock } from "@halon/runtime";
import type { ChangeWindow } from "./change-window.ts";
import { bytesOf, WATCH_WAIT_MS_MAX, type WatchAnswer, type WatchRefusalCode, type WatchRequest } from "./watch.ts";

/** Watchers that may wait at one member; a further one is sent to another. */
export const WATCHERS_MAX = 256;
/** Bytes answered before other work of the process gets its turn. */
const TURN_BYTES_MAX = 1024 * 1024;
/** Watchers looked after in one turn. */
const TURN_WATCHERS_MAX = 64;

interface Waiting {
  readonly request: WatchRequest;
  /** Nothing that matches was changed up to here. */
  upTo: number;
  readonly done: (answer: WatchAnswer) => void;
  cancelTimer: Cancel;
}

/**
 * Answers watchers from a window, at once or when something has changed. It keeps nothing for a watcher that does not ask,
 * and for one that does no more than its question: who is slow finds the window moved on.
 */
export class WatchDesk {
  readonly #clock: Clock;
  readonly #group: string;
  /** `undefined` while there is no state to be watched. */
  #window: ChangeWindow | undefined;
  /** The longest not looked after first. */
  readonly #waiting = new Set<Waiting>();
  #cancelTurn: Cancel | undefined;
  /** Watchers that have to be looked at since something has changed. */
  #due = 0;

  constructor(clock: Clock, group: string) {
    this.#clock = clock;
    this.#group = group;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** From here on all is answered from this window; without one, when there is one. */
  use(window: ChangeWindow | undefined): void {
    this.#window = window;
    this.changed();
  }

  /** Something in the window has changed: whoever waits for it is answered soon. */
  changed(): void {
    this.#due = this.#waiting.size;
    if (this.#due > 0) this.#cancelTurn ??= this.#clock.at(this.#clock.nowMs(), () => this.#turn());
  }

  /** `done` once unless cancelled: at once, or after `waitMs` at the latest. */
  ask(request: WatchRequest, done: (answer: WatchAnswer) => void): Cancel {
    const waiting: Waiting = { request, upTo: request.after, done, cancelTimer: () => undefined };
    const answer = this.#answer(waiting);
    const waitMs = Math.min(request.waitMs, WATCH_WAIT_MS_MAX);
    const isFull = this.#waiting.size >= WATCHERS_MAX;
    if (answer !== undefined) done(answer);
    else if (waitMs <= 0) done(this.#tooLate(waiting));
    else if (isFull) done(this.#refuse("busy", `${WATCHERS_MAX} watchers wait here: ask another member`));
    else {
      waiting.cancelTimer = this.#clock.at(this.#clock.nowMs() + waitMs, () =>
        this.#settle(waiting, this.#tooLate(waiting)),
      );
      this.#waiting.add(waiting);
    }
    return () => this.#forget(waiting);
  }

  /** Nobody is answered any more. */
  stop(): void {
    this.#cancelTurn?.();
    for (const waiting of this.#waiting) this.#forget(waiting);
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    let bytes = 0;
    let looked = 0;
    for (const waiting of [...this.#waiting].slice(0, Math.min(this.#due, TURN_WATCHERS_MAX))) {
      if (bytes >= TURN_BYTES_MAX) break;
      looked++;
      const answer = this.#answer(waiting);
      if (answer?.kind === "changes") for (const change of answer.changes) bytes += bytesOf(change);
      // To the end of the queue: the others come first in the next turn.
      this.#waiting.delete(waiting);
      this.#waiting.add(waiting);
      if (answer !== undefined) this.#settle(waiting, answer);
    }
    this.#due = Math.min(this.#due - looked, this.#waiting.size);
    if (this.#due > 0) this.#cancelTurn ??= this.#clock.at(this.#clock.nowMs(), () => this.#turn());
  }

  /** `undefined`: nothing to tell yet. */
  #answer(waiting: Waiting): WatchAnswer | undefined {
    const { request } = waiting;
    const window = this.#window;
    if (window === undefined) return undefined;
    const isForeign = request.group !== "" && request.group !== this.#group;
    const reading = isForeign ? { kind: "gone" as const } : window.read(waiting.upTo, request.prefix);
    switch (reading.kind) {
      case "gone":
        return { kind: "resync", group: this.#group, index: window.upTo };
      case "ahead":
        return undefined;
      case "changes":
        waiting.upTo = reading.upTo;
        // Looked through a part only: better to say how far than to keep others waiting.
        return reading.changes.length > 0 || reading.upTo < window.upTo
          ? { ...reading, group: this.#group }
          : undefined;
      default:
        return reading satisfies never;
    }
  }

  /** What to say to one that has waited long enough. */
  #tooLate({ upTo }: Waiting): WatchAnswer {
    if (this.#window === undefined)
      return this.#refuse("unavailable", "the state here is being replaced: ask another member");
    if (this.#window.upTo < upTo)
      return this.#refuse("behind", `decree ${upTo} is not applied here yet: ask another member`);
    return { kind: "changes", group: this.#group, upTo, changes: [] };
  }

  #refuse(code: WatchRefusalCode, message: string): WatchAnswer {
    return { kind: "refused", group: this.#group, code, message };
  }

  #settle(waiting: Waiting, answer: WatchAnswer): void {
    this.#forget(waiting);
    waiting.done(answer);
  }

  #forget(waiting: Waiting): void {
    waiting.cancelTimer();
    this.#waiting.delete(waiting);
  }
}
