import { assert } from "./assert.ts";
import type { Cancel, Clock } from "./clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

const isBefore = (a: Alarm, b: Alarm): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/**
 * Time that moves only when told to: for simulation and tests. Alarms fire in order of (time, order of asking), each
 * with `nowMs()` at its own due time, so that a run is the same every time.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #asked = 0;
  /** A binary heap. Invariant: no alarm is before its parent. */
  readonly #heap: Alarm[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Due time of the next alarm, cancelled ones left out. */
  get nextAtMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atMs;
  }

  at(atMs: number, fire: () => void): Cancel {
    assert(Number.isFinite(atMs), `alarm at ${atMs}: not a time`);
    const alarm: Alarm = { atMs: Math.max(atMs, this.#nowMs), order: this.#asked++, fire };
    this.#push(alarm);
    return () => {
      alarm.fire = undefined;
    };
  }

  /** Moves to the next alarm and fires it. False when there is none up to `limitMs`. */
  step(limitMs = Number.POSITIVE_INFINITY): boolean {
    this.#dropCancelled();
    const next = this.#heap[0];
    if (next === undefined || next.atMs > limitMs) return false;
    this.#pop();
    assert(next.atMs >= this.#nowMs, `time went back from ${this.#nowMs} to ${next.atMs}`);
    this.#nowMs = next.atMs;
    next.fire?.();
    return true;
  }

  /** Fires all that is due up to and including `untilMs`, and leaves the time there. */
  runUntil(untilMs: number): void {
    while (this.step(untilMs));
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #dropCancelled(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].fire === undefined) this.#pop();
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let at = heap.push(alarm) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Alarm;
      if (!isBefore(alarm, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Alarm, heap[child] as Alarm)) child++;
      if (!isBefore(heap[child] as Alarm, last)) break;
      heap[at] = heap[child] as Alarm;
      at = child;
    }
    heap[at] = last;
  }
}
