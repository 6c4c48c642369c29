import { assert } from "@halon/runtime";

/** A monitor speaks to itself this often. */
export const LOOPBACK_MS = 500;
/** Not having heard itself for this long, it is deaf. Less than a suspicion takes, by more than a heartbeat's interval. */
export const LOOPBACK_SILENT_MS_MAX = 1_500;
/** The process did not get its turn, if a timer is later than this. */
export const LATE_MS_MAX = 1_000;
/** Loopback messages under way that are remembered. */
const LOOPBACKS_MAX = 64;

/**
 * Whether this process could have heard a heartbeat that was sent: no late timer, a connection, its own messages coming
 * back. What happened before a gap in that says nothing about anybody else.
 */
export class Hearing {
  readonly #sentAtMs = new Map<number, number>();
  #seq = 0;
  #isConnected = true;
  #timerDueMs = 0;
  #loopbackDueMs = 0;
  /** Everything sent to this process before was heard, as far as one can tell: a loopback of that time came back. */
  #provenMs = 0;
  #unbrokenSinceMs = 0;
  #gaps = 0;
  #isDeaf = false;

  begin(nowMs: number, isConnected: boolean): void {
    this.#isConnected = isConnected;
    this.#timerDueMs = nowMs;
    this.#loopbackDueMs = nowMs;
    this.#provenMs = nowMs;
    this.#unbrokenSinceMs = nowMs;
  }

  /** Hearing has had no gap since then. */
  get unbrokenSinceMs(): number {
    return this.#unbrokenSinceMs;
  }

  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** Gaps so far. */
  get gaps(): number {
    return this.#gaps;
  }

  /** True when hearing is known to have worked at `atMs` or later. */
  isProvenAt(atMs: number): boolean {
    return this.#provenMs >= atMs;
  }

  /** To be called with every input before anything is judged. */
  note(nowMs: number): void {
    const isLate = nowMs - this.#timerDueMs > LATE_MS_MAX;
    const isDeaf = isLate || !this.#isConnected || nowMs - this.#provenMs > LOOPBACK_SILENT_MS_MAX;
    if (isDeaf) this.#unbrokenSinceMs = nowMs;
    if (isDeaf && !this.#isDeaf) this.#gaps++;
    this.#isDeaf = isDeaf;
  }

  onConnection(isConnected: boolean, nowMs: number): void {
    this.#isConnected = isConnected;
    this.note(nowMs);
    // What was sent while there was none is lost, however short that was.
    this.#unbrokenSinceMs = nowMs;
  }

  /** The timer came, and shall come again at `nextDueMs`. */
  onTimer(nextDueMs: number): void {
    this.#timerDueMs = nextDueMs;
  }

  isLoopbackDue(nowMs: number): boolean {
    return nowMs >= this.#loopbackDueMs;
  }

  /** Number of a loopback that leaves now. */
  send(nowMs: number): number {
    this.#loopbackDueMs = nowMs + LOOPBACK_MS;
    this.#sentAtMs.set(++this.#seq, nowMs);
    this.#sentAtMs.delete(this.#seq - LOOPBACKS_MAX);
    return this.#seq;
  }

  onLoopback(seq: number): void {
    const sentAtMs = this.#sentAtMs.get(seq);
    if (sentAtMs === undefined) return;
    this.#sentAtMs.delete(seq);
    this.#provenMs = Math.max(this.#provenMs, sentAtMs);
    assert(this.#sentAtMs.size < LOOPBACKS_MAX, `${this.#sentAtMs.size} loopbacks under way`);
  }
}
