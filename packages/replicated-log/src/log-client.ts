import { assert, type MemberId } from "@halon/consensus";
import { COMMANDS_MAX, type Command, type Outcome, type RefusalCode, refuseTooLarge, WINDOW } from "./command.ts";

/** How a call ends. There is no "timed out": a caller that stops waiting cancels, and then knows nothing. */
export type CallOutcome =
  | { readonly kind: "result"; readonly result: Uint8Array }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string }
  /** Not sent: too many calls are waiting. Wait for one of them, then try again. */
  | { readonly kind: "full" };

export type LogClientInput =
  | {
      readonly kind: "call";
      readonly token: number;
      readonly command: "update" | "idempotent" | "read";
      readonly payload: Uint8Array;
    }
  /** Forgets a call. It may have been applied, or be applied yet. */
  | { readonly kind: "cancel"; readonly token: number }
  /** What a request came to; `undefined` when it had no answer. */
  | { readonly kind: "answer"; readonly request: number; readonly outcomes: readonly Outcome[] | undefined }
  /** Whom to ask, and whom first. */
  | { readonly kind: "members"; readonly members: readonly MemberId[]; readonly leader?: MemberId | undefined }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type LogClientOutput =
  /** Ask one member; answer with `answer`, also when nothing comes back. */
  | {
      readonly kind: "request";
      readonly request: number;
      readonly to: MemberId;
      readonly commands: readonly Command[];
      readonly timeoutMs: number;
    }
  | { readonly kind: "done"; readonly token: number; readonly outcome: CallOutcome }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

export interface LogClientConfig {
  readonly members: readonly MemberId[];
  /** Calls that may wait, sent or not; a further one ends as `full`. */
  readonly callsMax?: number;
  readonly requestTimeoutMs?: number;
}

export const LOG_CLIENT_DEFAULTS = { callsMax: 16_384, requestTimeoutMs: 1_000 } as const;
/** Requests under way at a time. While they are, further calls gather and then share one. */
export const REQUESTS_MAX = 4;
const SUBMIT_BYTES_MAX = 512 * 1024;
const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 500;
/** Redirections followed at once, before backing off: two members may each name the other. */
const REDIRECTS_MAX = 3;

interface Call {
  readonly token: number;
  /** `register` is the client's own. */
  readonly kind: Command["kind"];
  readonly payload: Uint8Array;
  /** Given when first sent, and kept: a retry is the same command. */
  id: { readonly session: number; readonly seq: number } | undefined;
  cancelled: boolean;
}

/**
 * A client of the log; sans-IO. Retries each call, for ever, with the same number, so that it is applied once whatever is
 * lost; follows the leader; lets calls that wait together travel together. Order among calls that wait at the same time
 * is not promised: who needs it awaits one before making the next.
 */
export class LogClient {
  readonly #config: Required<LogClientConfig>;
  #members: readonly MemberId[];
  #target: MemberId | undefined;
  #session: number | undefined;
  #registering = false;
  #nextSeq = 1;
  /** Sequence numbers without an answer. Insertion is in rising order. */
  readonly #unanswered = new Set<number>();
  #queue: Call[] = [];
  readonly #sent = new Map<number, readonly Call[]>();
  readonly #calls = new Map<number, Call>();
  #request = 0;
  #failures = 0;
  #redirects = 0;
  #random = 0.5;
  #isBackingOff = false;

  constructor(config: LogClientConfig) {
    this.#config = { ...LOG_CLIENT_DEFAULTS, ...config };
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
        this.#onCall(input.token, input.command, input.payload, out);
        break;
      case "cancel":
        this.#onCancel(input.token);
        break;
      case "answer":
        this.#onAnswer(input.request, input.outcomes, nowMs, out);
        break;
      case "members":
        this.#members = input.members;
        if (input.leader !== undefined) this.#target = input.leader;
        else if (this.#target === undefined || !input.members.includes(this.#target)) this.#target = input.members[0];
        break;
      case "timer":
        this.#random = input.random;
        this.#isBackingOff = false;
        break;
      default:
        input satisfies never;
    }
    this.#send(out);
    return out;
  }

  #onCall(token: number, kind: Call["kind"], payload: Uint8Array, out: LogClientOutput[]): void {
    assert(!this.#calls.has(token), `call ${token} made twice`);
    const refusal = refuseTooLarge(payload);
    if (refusal !== undefined) out.push({ kind: "done", token, outcome: refusal });
    else if (this.#calls.size >= this.#config.callsMax) out.push({ kind: "done", token, outcome: { kind: "full" } });
    else {
      const call: Call = { token, kind, payload, id: undefined, cancelled: false };
      this.#calls.set(token, call);
      this.#queue.push(call);
    }
  }

  #onCancel(token: number): void {
    const call = this.#calls.get(token);
    if (call === undefined) return;
    call.cancelled = true;
    this.#settle(call);
    this.#queue = this.#queue.filter((each) => each !== call);
  }

  #settle(call: Call): void {
    this.#calls.delete(call.token);
    if (call.id !== undefined && call.id.session === this.#session) this.#unanswered.delete(call.id.seq);
  }

  /** Puts as many waiting calls on their way as may go. */
  #send(out: LogClientOutput[]): void {
    while (!this.#isBackingOff && this.#target !== undefined && this.#sent.size < REQUESTS_MAX) {
      const calls = this.#takeBatch();
      if (calls.length === 0) return;
      const lowest = this.#lowest;
      const commands = calls.map(({ kind, payload, id }): Command => {
        const isCurrent = id !== undefined && id.session === this.#session;
        return { kind, payload, session: id?.session ?? 0, seq: id?.seq ?? 0, lowest: isCurrent ? lowest : 0 };
      });
      this.#sent.set(++this.#request, calls);
      const { requestTimeoutMs: timeoutMs } = this.#config;
      out.push({ kind: "request", request: this.#request, to: this.#target, commands, timeoutMs });
    }
  }

  get #lowest(): number {
    const [first] = this.#unanswered;
    return first ?? this.#nextSeq;
  }

  #takeBatch(): readonly Call[] {
    const taken: Call[] = [];
    const left: Call[] = [];
    // The opening of a session may have to go along.
    const countMax = this.#session === undefined ? COMMANDS_MAX - 1 : COMMANDS_MAX;
    let bytes = 0;
    for (const call of this.#queue) {
      const size = call.payload.byteLength + 48;
      const fits = taken.length < countMax && (taken.length === 0 || bytes + size <= SUBMIT_BYTES_MAX);
      if (!fits || !this.#mayGo(call)) left.push(call);
      else {
        bytes += size;
        taken.push(call);
      }
    }
    this.#queue = left;
    if (this.#session === undefined && !this.#registering && left.some((call) => call.kind === "update")) {
      this.#registering = true;
      taken.unshift({ token: -1, kind: "register", payload: new Uint8Array(0), id: undefined, cancelled: false });
    }
    return taken;
  }

  /** An update needs a session, and a number within its window. */
  #mayGo(call: Call): boolean {
    if (call.kind !== "update" || call.id !== undefined) return true;
    if (this.#session === undefined || this.#nextSeq >= this.#lowest + WINDOW) return false;
    call.id = { session: this.#session, seq: this.#nextSeq++ };
    this.#unanswered.add(call.id.seq);
    return true;
  }

  #onAnswer(request: number, outcomes: readonly Outcome[] | undefined, nowMs: number, out: LogClientOutput[]): void {
    const calls = this.#sent.get(request);
    if (calls === undefined) return;
    this.#sent.delete(request);
    const again: Call[] = [];
    let redirect: MemberId | undefined;
    for (const [at, call] of calls.entries()) {
      const outcome = outcomes?.[at] ?? { kind: "unknown" };
      if (outcome.kind === "notLeader") redirect = outcome.leader;
      if (!this.#conclude(call, outcome, out) && !call.cancelled) again.push(call);
    }
    if (again.length === 0) {
      this.#failures = 0;
      this.#redirects = 0;
      return;
    }
    const retried = again.filter((call) => call.kind !== "register");
    if (retried.length < again.length) this.#registering = false;
    this.#queue = [...retried, ...this.#queue];
    this.#retarget(redirect, nowMs, out);
  }

  /** True when the call needs no further attempt. */
  #conclude(call: Call, outcome: Outcome, out: LogClientOutput[]): boolean {
    if (outcome.kind !== "result" && outcome.kind !== "refused") return false;
    if (call.kind === "register") {
      this.#registering = false;
      const session = outcome.kind === "result" ? Number(new TextDecoder().decode(outcome.result)) : 0;
      if (!Number.isSafeInteger(session) || session < 1) return false;
      this.#session = session;
      this.#nextSeq = 1;
      return true;
    }
    // A late refusal of an earlier session says nothing about the present one.
    const isPresent = call.id !== undefined && call.id.session === this.#session;
    if (isPresent && outcome.kind === "refused" && outcome.code === "session-unknown") this.#forgetSession();
    if (!call.cancelled) {
      this.#settle(call);
      out.push({ kind: "done", token: call.token, outcome });
    }
    return true;
  }

  /** The group has forgotten this client. What was sent gets its own refusal; what was not goes under a new session. */
  #forgetSession(): void {
    this.#session = undefined;
    this.#unanswered.clear();
  }

  #retarget(redirect: MemberId | undefined, nowMs: number, out: LogClientOutput[]): void {
    if (redirect !== undefined && redirect !== this.#target && this.#redirects++ < REDIRECTS_MAX) {
      this.#target = redirect;
      return;
    }
    const at = this.#target === undefined ? -1 : this.#members.indexOf(this.#target);
    this.#target = redirect ?? this.#members[(at + 1) % this.#members.length];
    this.#redirects = 0;
    const spanMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures++, 10));
    this.#isBackingOff = true;
    out.push({ kind: "timer", name: "backoff", atMs: nowMs + spanMs * (0.5 + this.#random / 2) });
  }
}
