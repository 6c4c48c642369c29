import type { HeartbeatAck } from "@halon/proto";
import type { Grant } from "../instance-driver.ts";

export interface RightConfig {
  /** From the sending of a heartbeat to when all that it gave a right to is gone, for certain. */
  readonly boundMs: number;
  /** Bound on the difference of clock rates, such as 0.05. */
  readonly driftRatio: number;
  /** What a guard may need to kill. */
  readonly killGraceMs: number;
}

export const RIGHT_DEFAULTS: RightConfig = { boundMs: 3_000, driftRatio: 0.05, killGraceMs: 250 };

/** Heartbeats whose acknowledgements are still counted. */
const HEARTBEATS_MAX = 8;

interface Sent {
  readonly sentAtMs: number;
  readonly ackedBy: Set<string>;
}

/**
 * The right to run exclusive instances: held until a span after the *sending* of the last heartbeat that enough of the
 * session's monitors have acknowledged. In each session it can be gained within one bound of the session's beginning and
 * then be prolonged; once lapsed, or not gained in time, it is closed for that session: the coordinator counts on it that
 * a right which has run out does not come back, however late an acknowledgement arrives.
 */
export class ExclusiveRight {
  readonly config: RightConfig;
  #session = 0;
  #monitors: ReadonlySet<string> = new Set();
  #needed = 1;
  #state: "open" | "held" | "closed" = "closed";
  /** Until when it can be gained. */
  #openUntilMs = 0;
  /** What the guards were told: of this session when held, of the one before while open. */
  #grant: Grant | undefined;
  readonly #sent = new Map<number, Sent>();

  constructor(config: RightConfig = RIGHT_DEFAULTS) {
    this.config = config;
  }

  /** A new session begins. What runs may run on until the deadline it has; nothing new may start. */
  open(session: number, monitors: readonly string[], needed: number, nowMs: number): void {
    this.#enter(session, monitors, needed);
    this.#state = "open";
    this.#openUntilMs = nowMs + this.config.boundMs;
  }

  /** After a restart of the agent: the right goes on only if a guard still holds it, in this very session. */
  resume(session: number, monitors: readonly string[], needed: number, grant: Grant | undefined): void {
    this.#enter(session, monitors, needed);
    this.#grant = grant;
    this.#state = grant?.session === session ? "held" : "closed";
  }

  #enter(session: number, monitors: readonly string[], needed: number): void {
    this.#session = session;
    this.#monitors = new Set(monitors);
    this.#needed = needed;
    this.#sent.clear();
  }

  /** True while exclusive instances may be started. */
  get isHeld(): boolean {
    return this.#state === "held";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Until when those that run may run. */
  get grant(): Grant | undefined {
    return this.#grant;
  }

  /** When {@link expire} is due. */
  get dueMs(): number | undefined {
    const openUntilMs = this.#state === "open" ? this.#openUntilMs : Number.POSITIVE_INFINITY;
    const dueMs = Math.min(openUntilMs, this.#grant?.deadlineMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(dueMs) ? dueMs : undefined;
  }

  /** A heartbeat of the session leaves. */
  sent(seq: number, nowMs: number): void {
    if (this.#state === "closed") return;
    this.#sent.set(seq, { sentAtMs: nowMs, ackedBy: new Set() });
    for (const old of this.#sent.keys()) {
      if (this.#sent.size <= HEARTBEATS_MAX) break;
      this.#sent.delete(old);
    }
  }

  /** Counts distinct pinned monitors per heartbeat. Call {@link expire} first. */
  acknowledged({ monitor, session, seq }: HeartbeatAck, nowMs: number): void {
    const heartbeat = this.#sent.get(seq);
    if (session !== this.#session || heartbeat === undefined || !this.#monitors.has(monitor)) return;
    heartbeat.ackedBy.add(monitor);
    if (heartbeat.ackedBy.size >= this.#needed) this.#gain(seq, nowMs);
  }

  #gain(seq: number, nowMs: number): void {
    const heartbeat = this.#sent.get(seq) as Sent;
    for (const each of this.#sent.keys()) if (each <= seq) this.#sent.delete(each);
    const deadlineMs = this.deadlineMs(heartbeat.sentAtMs, nowMs);
    if (this.#state === "closed" || deadlineMs <= nowMs) return;
    this.#state = "held";
    this.#grant = { session: this.#session, deadlineMs: Math.max(deadlineMs, this.#grant?.deadlineMs ?? 0) };
  }

  /**
   * When all must be gone that was given a right by a heartbeat sent at `sentAtMs`; when it was answered is no matter. This
   * clock may be slow, and the one that the bound is waited for by may be fast.
   */
  protected deadlineMs(sentAtMs: number, _answeredAtMs: number): number {
    const { boundMs, driftRatio, killGraceMs } = this.config;
    return sentAtMs + (boundMs * (1 - driftRatio)) / (1 + driftRatio) - killGraceMs;
  }

  /** Ends what is over by now. `lapsed`: what runs must go; `closed`: the session can give no right any more. */
  expire(nowMs: number): { readonly lapsed: boolean; readonly closed: boolean } {
    const lapsed = this.#grant !== undefined && nowMs >= this.#grant.deadlineMs;
    const closed = (lapsed && this.#state === "held") || (this.#state === "open" && nowMs >= this.#openUntilMs);
    if (lapsed) this.#grant = undefined;
    if (closed) {
      this.#state = "closed";
      this.#sent.clear();
    }
    return { lapsed, closed };
  }
}
