import type { ListedNode } from "./monitor-io.ts";

/** Sessions of one node that are remembered; the oldest goes. More than a coordinator keeps in force. */
const SESSIONS_MAX = 16;
/** A session that was heard, but that no station lists, is watched for this long: the station may be behind. */
const LIST_LAG_MS = 10_000;

interface Session {
  /** Last acknowledgement given; `undefined` for none. */
  ackedAtMs: number | undefined;
  readonly learnedMs: number;
  isListed: boolean;
  monitors: readonly string[];
  isReporting: boolean;
  reportDueMs: number;
}

/** A node has been silent for too long: fellow monitors are being asked. */
export interface Suspicion {
  readonly id: number;
  readonly atMs: number;
  /** Answers that are still to come. */
  waiting: number;
}

/** What one monitor knows of one node. */
export class WatchedNode {
  readonly name: string;
  readonly #sessions = new Map<number, Session>();
  /** Last sign of life, of its own or told by a fellow monitor, or when it was learned that one is due. */
  aliveMs: number;
  /** Last heartbeat of a session that is not accused, and that session. */
  heard: { readonly session: number; readonly atMs: number } | undefined;
  suspicion: Suspicion | undefined;
  /** Latest acknowledgement among sessions that were forgotten. */
  #forgottenAckMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, nowMs: number) {
    this.name = name;
    this.aliveMs = nowMs;
  }

  /** The newest session known, 0 when there is none. */
  get newest(): number {
    return Math.max(0, ...this.#sessions.keys());
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  get lastAckMs(): number {
    return Math.max(this.#forgottenAckMs, ...[...this.#sessions.values()].map(({ ackedAtMs }) => ackedAtMs ?? 0));
  }

  /** The monitors that a session is pinned to, as far as a station told. */
  monitorsOf(session: number): readonly string[] {
    return this.#sessions.get(session)?.monitors ?? [];
  }

  onHeartbeat(session: number, nowMs: number): void {
    this.#learn(session, nowMs);
    this.aliveMs = nowMs;
    this.heard = { session: Math.max(session, this.heard?.session ?? 0), atMs: nowMs };
    this.suspicion = undefined;
  }

  onAcknowledged(session: number, nowMs: number): void {
    this.#learn(session, nowMs).ackedAtMs = nowMs;
  }

  /** `promised`: newest session accused. Sessions that a station listed and no longer lists are not in force any more. */
  onListed({ sessions }: Pick<ListedNode, "sessions">, promised: number, nowMs: number): void {
    const listed = new Set(sessions.map(({ session }) => session));
    for (const [session, { isListed, learnedMs }] of this.#sessions)
      if (!listed.has(session) && (isListed || nowMs - learnedMs > LIST_LAG_MS)) this.#forget(session);
    for (const { session, monitors } of sessions) {
      // A node that was accused, and has a session that was not, gets its time to be heard in it.
      if (session > this.newest && session > promised && this.newest <= promised) this.aliveMs = nowMs;
      const known = this.#learn(session, nowMs);
      known.isListed = true;
      known.monitors = monitors;
    }
  }

  /** Sessions up to `promised` that are to be reported now; each is taken as under way until {@link onReported}. */
  takeReports(promised: number, nowMs: number, everyMs: number): readonly number[] {
    // It lives, in a session that is not accused: what was said of older ones will be settled by that.
    if (this.heard !== undefined && this.heard.session > promised) return [];
    const due: number[] = [];
    for (const [session, known] of this.#sessions) {
      if (session > promised || known.isReporting || nowMs < known.reportDueMs) continue;
      known.isReporting = true;
      known.reportDueMs = nowMs + everyMs;
      due.push(session);
    }
    return due;
  }

  onReported(session: number): void {
    const known = this.#sessions.get(session);
    if (known !== undefined) known.isReporting = false;
  }

  /**
   * Last acknowledgement of the session, at the latest. `forgottenAckMs`: nothing that is no longer remembered was
   * acknowledged after it.
   */
  ackedAtMs(session: number, forgottenAckMs: number): number {
    return this.#sessions.get(session)?.ackedAtMs ?? Math.max(forgottenAckMs, this.#forgottenAckMs);
  }

  #learn(session: number, nowMs: number): Session {
    const known = this.#sessions.get(session);
    if (known !== undefined) return known;
    if (this.#sessions.size >= SESSIONS_MAX) this.#forget(Math.min(...this.#sessions.keys()));
    const learned: Session = {
      ackedAtMs: undefined,
      learnedMs: nowMs,
      isListed: false,
      monitors: [],
      isReporting: false,
      reportDueMs: 0,
    };
    this.#sessions.set(session, learned);
    return learned;
  }

  #forget(session: number): void {
    const { ackedAtMs = Number.NEGATIVE_INFINITY } = this.#sessions.get(session) ?? {};
    this.#forgottenAckMs = Math.max(this.#forgottenAckMs, ackedAtMs);
    this.#sessions.delete(session);
  }
}
