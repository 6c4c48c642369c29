import { assert } from "@halon/consensus";
import { WATCH_WAIT_MS_MAX, type WatchAnswer, type WatchFrom, type WatchNews, type WatchRequest } from "./watch.ts";

export type WatchInput =
  /** Whom to ask. Once at the beginning, then whenever it changes. `random` in [0, 1): watchers spread by it. */
  | { readonly kind: "members"; readonly members: readonly string[]; readonly random: number }
  /** What a question came to; `undefined` when there was no answer. */
  | { readonly kind: "answer"; readonly poll: number; readonly answer: WatchAnswer | undefined }
  /** The news told last are dealt with: the next ones may come. */
  | { readonly kind: "proceed" }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type WatchOutput =
  /** Ask one member; answer with `answer`, also when nothing comes back within `timeoutMs`. */
  | {
      readonly kind: "poll";
      readonly poll: number;
      readonly to: string;
      readonly request: WatchRequest;
      readonly timeoutMs: number;
    }
  /** Tell the watcher. After `changes` nothing follows until `proceed`, after anything else nothing at all. */
  | { readonly kind: "news"; readonly news: WatchNews }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** What a watcher asks for: a member that dies while it waits is noticed after this, and the way there and back. */
export const POLL_WAIT_MS = 2_000;
const POLL_WAY_MS = 1_000;
/** Between two questions to no avail: at first, and at most. */
const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 1_000;
const TIMER = "again";

/**
 * A watcher of a group's state; sans-IO. It asks one member what has changed, waits there for more, and goes to another with
 * the same index when that one does not answer. It holds one answer at a time, and asks for the next only when that is dealt
 * with: nobody buffers anything for it.
 */
export class WatchCore {
  readonly #prefix: string;
  /** All that was changed up to here has been told. */
  #after: number;
  #group = "";
  #members: readonly string[] = [];
  /** Place of the member asked, or -1 before there is one. */
  #at = -1;
  #poll = 0;
  #askedAtMs = 0;
  #failures = 0;
  #state: "idle" | "asking" | "backing-off" | "telling" | "over" = "idle";

  constructor({ after, prefix = "" }: WatchFrom) {
    this.#after = after;
    this.#prefix = prefix;
  }

  get after(): number {
    return this.#after;
  }

  step(input: WatchInput, nowMs: number): readonly WatchOutput[] {
    switch (input.kind) {
      case "members":
        return this.#onMembers(input.members, input.random, nowMs);
      case "answer":
        return this.#state === "asking" && input.poll === this.#poll ? this.#onAnswer(input.answer, nowMs) : [];
      case "proceed":
        return this.#state === "telling" ? this.#ask(nowMs) : [];
      case "timer":
        return this.#state === "backing-off" ? this.#ask(nowMs) : [];
      default:
        return input satisfies never;
    }
  }

  #onMembers(members: readonly string[], random: number, nowMs: number): readonly WatchOutput[] {
    const asked = this.#members[this.#at];
    this.#members = members;
    const kept = asked === undefined ? -1 : members.indexOf(asked);
    this.#at = kept >= 0 ? kept : Math.floor(random * members.length);
    const isGone = this.#state === "asking" && kept < 0;
    return this.#state === "idle" || isGone ? this.#ask(nowMs) : [];
  }

  #ask(nowMs: number): readonly WatchOutput[] {
    const to = this.#members[this.#at];
    if (to === undefined) {
      this.#state = "idle";
      return [];
    }
    this.#state = "asking";
    this.#askedAtMs = nowMs;
    const waitMs = Math.min(POLL_WAIT_MS, WATCH_WAIT_MS_MAX);
    const request = { after: this.#after, prefix: this.#prefix, waitMs, group: this.#group };
    return [{ kind: "poll", poll: ++this.#poll, to, request, timeoutMs: waitMs + POLL_WAY_MS }];
  }

  #onAnswer(answer: WatchAnswer | undefined, nowMs: number): readonly WatchOutput[] {
    if (answer === undefined) return this.#tryNext(nowMs);
    switch (answer.kind) {
      case "changes":
        return this.#onChanges(answer, nowMs);
      case "resync":
        return this.#end({ kind: "resync", index: answer.index });
      case "refused":
        if (answer.code !== "not-watched") return this.#tryNext(nowMs);
        return this.#end({ kind: "refused", message: answer.message });
      default:
        return answer satisfies never;
    }
  }

  #onChanges(answer: WatchAnswer & { readonly kind: "changes" }, nowMs: number): readonly WatchOutput[] {
    const { upTo, changes, group } = answer;
    // Of another time, or of somebody who makes things up: none of it counts.
    const isFitting = changes.every(({ index, key }) => index > this.#after && key.startsWith(this.#prefix));
    const isForeign = this.#group !== "" && group !== this.#group;
    if (upTo < this.#after || !isFitting || isForeign) return this.#tryNext(nowMs);
    this.#failures = 0;
    this.#group = group;
    const isNews = upTo > this.#after;
    this.#after = upTo;
    if (isNews) {
      this.#state = "telling";
      return [{ kind: "news", news: { kind: "changes", upTo, changes } }];
    }
    // Who does not wait as asked is not asked again and again.
    return nowMs - this.#askedAtMs >= POLL_WAIT_MS / 2 ? this.#ask(nowMs) : this.#backOff(nowMs);
  }

  /** To the next member; at once the first time. */
  #tryNext(nowMs: number): readonly WatchOutput[] {
    assert(this.#members.length === 0 || this.#at < this.#members.length, `member ${this.#at} of ${this.#members}`);
    this.#at = this.#members.length === 0 ? -1 : (this.#at + 1) % this.#members.length;
    return this.#backOff(nowMs);
  }

  #backOff(nowMs: number): readonly WatchOutput[] {
    this.#state = "backing-off";
    const spanMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures++, 10));
    return [{ kind: "timer", name: TIMER, atMs: nowMs + spanMs }];
  }

  #end(news: WatchNews): readonly WatchOutput[] {
    this.#state = "over";
    return [{ kind: "news", news }];
  }
}
