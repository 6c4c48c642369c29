import { assert, type MemberId } from "@halon/consensus";
import {
  backoffMs,
  type Call,
  type CallKind,
  type LogClientInput,
  type LogClientOutput,
  REQUESTS_MAX,
  splitBatch,
} from "./client-call.ts";
import { ClientSession } from "./client-session.ts";
import { COMMAND_BYTES_MAX, COMMANDS_MAX, type Command, type Outcome, refuseTooLarge } from "./command.ts";
import { Patience } from "./patience.ts";
import { STALE_TIMER, StaleReads } from "./stale-reads.ts";

export interface LogClientConfig {
  readonly members: readonly MemberId[];
  /** Calls that may wait, sent or not; a further one ends as `full`. */
  readonly callsMax?: number;
  readonly requestTimeoutMs?: number;
  /** As the members have it. */
  readonly commandBytesMax?: number;
}

export const LOG_CLIENT_DEFAULTS = {
  callsMax: 16_384,
  requestTimeoutMs: 1_000,
  commandBytesMax: COMMAND_BYTES_MAX,
} as const;
/** Redirections followed at once, before backing off: two members may each name the other. */
const REDIRECTS_MAX = 3;
const BACKOFF_TIMER = "backoff";
const GATHER_TIMER = "gather";
/** A request carries no more than its share of all calls, so that several are under way; but so few are not divided. */
const BATCH_CALLS_MIN = 128;

interface Sent {
  readonly to: MemberId;
  readonly calls: readonly Call[];
  readonly sentMs: number;
}

/**
 * A client of the log; sans-IO. Retries each call, for ever, with the same number, so that it is applied once whatever is
 * lost; follows the leader; lets calls that wait together travel together: with nothing under way a call goes at once, else
 * at the end of the turn (a timer that is due when it is set), with all that were made meanwhile. Order among calls that wait at the same time
 * is not promised: who needs it awaits one before making the next.
 */
export class LogClient {
  readonly #config: Required<LogClientConfig>;
  #members: readonly MemberId[];
  #target: MemberId | undefined;
  /** As last told by `members`. */
  #leader: MemberId | undefined;
  readonly #session = new ClientSession();
  #registering = false;
  #queue: Call[] = [];
  readonly #sent = new Map<number, Sent>();
  readonly #patience: Patience;
  readonly #stale = new StaleReads();
  readonly #calls = new Map<number, Call>();
  #request = 0;
  #failures = 0;
  #redirects = 0;
  #random = 0.5;
  #isBackingOff = false;
  #isGathering = false;

  constructor(config: LogClientConfig) {
    this.#config = { ...LOG_CLIENT_DEFAULTS, ...config };
    this.#patience = new Patience(this.#config.requestTimeoutMs);
    this.#members = config.members;
    this.#target = config.members[0];
  }

  /** Calls without an answer. */
  get waiting(): number {
    return this.#calls.size;
  }

  step(input: LogClientInput, nowMs: number): readonly LogClientOutput[] {
    const out: LogClientOutput[] = [];
    switch (input.kind) {
      case "call":
        this.#onCall(input, out);
        if (this.#maybeGather(input.command, nowMs, out)) return out;
        break;
      case "cancel":
        this.#onCancel(input.token);
        break;
      case "answer":
        this.#onAnswer(input.request, input.outcomes, nowMs, out);
        break;
      case "members":
        this.#onMembers(input.members, input.leader, out);
        break;
      case "timer":
        this.#random = input.random;
        if (input.name === STALE_TIMER) this.#stale.resume();
        else if (input.name === GATHER_TIMER) this.#isGathering = false;
        else this.#isBackingOff = false;
        break;
      default:
        input satisfies never;
    }
    this.#send(nowMs, out);
    const { requestTimeoutMs } = this.#config;
    this.#stale.send(this.#members, nowMs, (to, calls) => this.#ask(to, calls, requestTimeoutMs, out));
    return out;
  }

  #onCall({ token, command: kind, payload }: LogClientInput & { kind: "call" }, out: LogClientOutput[]): void {
    if (this.#calls.has(token)) assert(false, `call ${token} made twice`);
    const refusal = refuseTooLarge(payload, this.#config.commandBytesMax);
    if (refusal !== undefined) out.push({ kind: "done", token, outcome: refusal });
    else if (this.#calls.size >= this.#config.callsMax) out.push({ kind: "done", token, outcome: { kind: "full" } });
    else {
      const call: Call = { token, kind, payload, number: undefined, cancelled: false };
      this.#calls.set(token, call);
      if (kind === "stale") this.#stale.push(call);
      else this.#queue.push(call);
    }
  }

  /** Whether a call that was made now goes later. */
  #maybeGather(kind: CallKind, nowMs: number, out: LogClientOutput[]): boolean {
    if ((kind === "stale" ? this.#stale.underWay : this.#sent.size) === 0) return false;
    if (!this.#isGathering) out.push({ kind: "timer", name: GATHER_TIMER, atMs: nowMs });
    this.#isGathering = true;
    return true;
  }

  #onCancel(token: number): void {
    const call = this.#calls.get(token);
    if (call === undefined) return;
    call.cancelled = true;
    this.#settle(call);
    if (call.kind === "stale") this.#stale.remove(call);
    else this.#queue = this.#queue.filter((each) => each !== call);
  }

  #settle(call: Call): void {
    this.#calls.delete(call.token);
    this.#session.answered(call.number);
  }

  #onMembers(members: readonly MemberId[], leader: MemberId | undefined, out: LogClientOutput[]): void {
    this.#members = members;
    if (leader !== undefined) this.#target = leader;
    else if (this.#target === undefined || !members.includes(this.#target)) this.#target = members[0];
    const isNews = leader !== undefined && leader !== this.#leader;
    this.#leader = leader;
    if (!isNews) return;
    // The old leader may be dead, and its silence last as long as the time-out. To ask twice does no harm.
    const again: Call[] = [];
    for (const [request, { to, calls }] of this.#sent) {
      if (to === leader) continue;
      this.#sent.delete(request);
      again.push(...calls.filter(({ cancelled }) => !cancelled));
    }
    this.#requeue(again);
    this.#failures = 0;
    this.#redirects = 0;
    if (!this.#isBackingOff) return;
    this.#isBackingOff = false;
    out.push({ kind: "timer", name: BACKOFF_TIMER, atMs: undefined });
  }

  /** Puts as many waiting calls on their way as may go. */
  #send(nowMs: number, out: LogClientOutput[]): void {
    while (!this.#isBackingOff && this.#target !== undefined && this.#sent.size < REQUESTS_MAX) {
      const calls = this.#takeBatch();
      if (calls.length === 0) return;
      const to = this.#target;
      const request = this.#ask(to, calls, this.#patience.timeoutMs, out);
      this.#sent.set(request, { to, calls, sentMs: nowMs });
    }
  }

  #ask(to: MemberId, calls: readonly Call[], timeoutMs: number, out: LogClientOutput[]): number {
    const commands = calls.map(({ kind, payload, number }): Command => {
      const lowest = this.#session.lowestFor(number);
      return { kind, payload, session: number?.session ?? 0, seq: number?.seq ?? 0, lowest };
    });
    out.push({ kind: "request", request: ++this.#request, to, commands, timeoutMs });
    return this.#request;
  }

  #takeBatch(): readonly Call[] {
    // The opening of a session may have to go along.
    const share = Math.max(BATCH_CALLS_MIN, Math.ceil(this.#calls.size / REQUESTS_MAX));
    const countMax = Math.min(share, COMMANDS_MAX - 1);
    const { batch, left } = splitBatch(this.#queue, countMax, (call) => this.#mayGo(call));
    this.#queue = left;
    if (!this.#session.isOpen && !this.#registering && left.some((call) => call.kind === "update")) {
      this.#registering = true;
      batch.unshift({ token: -1, kind: "register", payload: new Uint8Array(0), number: undefined, cancelled: false });
    }
    return batch;
  }

  /** An update needs a session, and a number within its window. */
  #mayGo(call: Call): boolean {
    if (call.kind !== "update") return true;
    call.number ??= this.#session.next();
    return call.number !== undefined;
  }

  #onAnswer(request: number, outcomes: readonly Outcome[] | undefined, nowMs: number, out: LogClientOutput[]): void {
    const sent = this.#sent.get(request);
    if (sent === undefined) {
      const again = this.#stale.answered(request, outcomes, nowMs, (call, outcome) =>
        this.#conclude(call, outcome, out),
      );
      if (again) this.#stale.retry(this.#members, nowMs, this.#random, out);
      return;
    }
    this.#sent.delete(request);
    const tookMs = nowMs - sent.sentMs;
    if (outcomes === undefined) this.#patience.unanswered(tookMs);
    else this.#patience.answered(tookMs);
    const again: Call[] = [];
    let redirect: MemberId | undefined;
    for (const [at, call] of sent.calls.entries()) {
      const outcome = outcomes?.[at] ?? { kind: "unknown" };
      if (outcome.kind === "notLeader") redirect = outcome.leader;
      if (!this.#conclude(call, outcome, out) && !call.cancelled) again.push(call);
    }
    if (again.length === 0) {
      this.#failures = 0;
      this.#redirects = 0;
      return;
    }
    this.#requeue(again);
    // What somebody says who is not asked any more is old news.
    if (sent.to === this.#target) this.#retarget(redirect, nowMs, out);
  }

  /** Before all others, in their order. A registration is not repeated unless it is needed still. */
  #requeue(calls: readonly Call[]): void {
    const retried = calls.filter((call) => call.kind !== "register");
    if (retried.length < calls.length) this.#registering = false;
    this.#queue = [...retried, ...this.#queue];
  }

  /** True when the call needs no further attempt. */
  #conclude(call: Call, outcome: Outcome, out: LogClientOutput[]): boolean {
    if (outcome.kind !== "result" && outcome.kind !== "refused") return false;
    if (call.kind === "register") {
      this.#registering = false;
      return outcome.kind === "result" && this.#session.open(outcome.result);
    }
    // What was sent gets its own refusal; what was not goes under a new session.
    const isForgotten = outcome.kind === "refused" && outcome.code === "session-unknown";
    if (isForgotten && this.#session.isPresent(call.number)) this.#session.forget();
    if (!call.cancelled) {
      this.#settle(call);
      out.push({ kind: "done", token: call.token, outcome });
    }
    return true;
  }

  #retarget(redirect: MemberId | undefined, nowMs: number, out: LogClientOutput[]): void {
    if (redirect !== undefined && redirect !== this.#target && this.#redirects++ < REDIRECTS_MAX) {
      this.#target = redirect;
      return;
    }
    const at = this.#target === undefined ? -1 : this.#members.indexOf(this.#target);
    this.#target = redirect ?? this.#members[(at + 1) % this.#members.length];
    this.#redirects = 0;
    this.#isBackingOff = true;
    out.push({ kind: "timer", name: BACKOFF_TIMER, atMs: nowMs + backoffMs(this.#failures++, this.#random) });
  }
}
