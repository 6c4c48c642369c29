import { systemClock } from "@halon/runtime";
import type { HealthStatus } from "../health/health.ts";

/** How the process is, over its life: not healthy before it is ready and when it stops, in between what the service says. */
export class LifeHealth {
  readonly #startMs: number;
  readonly #stopping: AbortSignal;
  #isReady = false;
  #status: () => HealthStatus = () => ({ healthy: true });

  constructor(startMs: number, stopping: AbortSignal) {
    this.#startMs = startMs;
    this.#stopping = stopping;
  }

  become(status: () => HealthStatus): void {
    this.#status = status;
  }

  becomeReady(): void {
    this.#isReady = true;
  }

  status(): HealthStatus {
    const upMs = Math.round(systemClock.nowMs() - this.#startMs);
    if (this.#stopping.aborted) return { healthy: false, phase: "stopping", upMs };
    if (!this.#isReady) return { healthy: false, phase: "starting", upMs };
    return { phase: "ready", upMs, ...this.#status() };
  }
}
