interface Appointment {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** Virtual time. Appointments come in order of (time, order of asking), so that a run is the same every time. */
export class Schedule {
  #nowMs = 0;
  #asked = 0;
  /** Invariant: the next one is the last. */
  readonly #waiting: Appointment[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Calls `fire` once at `atMs`, never from within this call. Returns how to cancel it. */
  at(atMs: number, fire: () => void): () => void {
    const appointment: Appointment = { atMs: Math.max(atMs, this.#nowMs), order: this.#asked++, fire };
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#waiting[middle] as Appointment).atMs > appointment.atMs) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, appointment);
    return () => {
      appointment.fire = undefined;
    };
  }

  /** Moves to the next appointment and keeps it. False when there is none up to `limitMs`; then it is `limitMs`. */
  step(limitMs: number): boolean {
    const next = this.#waiting.at(-1);
    if (next === undefined || next.atMs > limitMs) {
      this.#nowMs = Math.max(this.#nowMs, limitMs);
      return false;
    }
    this.#waiting.pop();
    this.#nowMs = next.atMs;
    next.fire?.();
    return true;
  }
}
