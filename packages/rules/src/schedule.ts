import { SortedMap } from "@halon/runtime";
import { timerDueMs, timerKey } from "./names.ts";
import type { Pending } from "./pending.ts";

interface Registration {
  readonly types: ReadonlySet<string>;
  readonly timer: string | undefined;
  readonly commandIds: readonly string[];
}

/** Who waits for what, by instance id. Every order is by time or id alone, so that a rebuilt schedule is the same. */
export class Schedule {
  readonly #ready = new SortedMap<true>();
  readonly #timers = new SortedMap<string>();
  readonly #listeners = new Map<string, Set<string>>();
  readonly #asked = new Map<string, string>();
  readonly #registrations = new Map<string, Registration>();

  get nextTimerMs(): number | undefined {
    for (const [key] of this.#timers.entries("", "~")) return timerDueMs(key);
    return undefined;
  }

  /** Has it run next. */
  ready(id: string): void {
    this.forget(id);
    this.#ready.set(id, true);
  }

  /** The first of those that are to run. */
  takeReady(): string | undefined {
    for (const [id] of this.#ready.entries("", "~")) {
      this.#ready.delete(id);
      return id;
    }
    return undefined;
  }

  /** Has it wait. */
  wait(id: string, pending: Pending): void {
    const types = new Set<string>();
    const commandIds: string[] = [];
    let dueMs: number | undefined;
    const visit = (wait: Pending): void => {
      if (wait.kind === "on") types.add(wait.type.name);
      else if (wait.kind === "tell") commandIds.push(wait.commandId);
      else if (wait.kind === "after") dueMs = Math.min(dueMs ?? wait.dueMs, wait.dueMs);
      else for (const [, inner] of wait.waits) visit(inner);
    };
    visit(pending);
    this.#register(id, types, dueMs, commandIds);
  }

  /** Has it wait to be retried, and hear of events meanwhile. */
  waitForRetry(id: string, dueMs: number, types: Iterable<string>): void {
    this.#register(id, new Set(types), dueMs, []);
  }

  /** The instance with the earliest timer, if that is due. It remains where it is. */
  due(nowMs: number): string | undefined {
    for (const [key, id] of this.#timers.entries("", "~")) return timerDueMs(key) <= nowMs ? id : undefined;
    return undefined;
  }

  listeners(type: string): Iterable<string> {
    return this.#listeners.get(type) ?? [];
  }

  hasListeners(type: string): boolean {
    return (this.#listeners.get(type)?.size ?? 0) > 0;
  }

  asker(commandId: string): string | undefined {
    return this.#asked.get(commandId);
  }

  /** It is neither ready nor waiting. */
  forget(id: string): void {
    this.#ready.delete(id);
    const registration = this.#registrations.get(id);
    if (registration === undefined) return;
    this.#registrations.delete(id);
    if (registration.timer !== undefined) this.#timers.delete(registration.timer);
    for (const commandId of registration.commandIds) this.#asked.delete(commandId);
    for (const type of registration.types) {
      const ids = this.#listeners.get(type);
      ids?.delete(id);
      if (ids?.size === 0) this.#listeners.delete(type);
    }
  }

  #register(id: string, types: ReadonlySet<string>, dueMs: number | undefined, commandIds: readonly string[]): void {
    this.forget(id);
    const timer = dueMs === undefined ? undefined : timerKey(dueMs, id);
    this.#registrations.set(id, { types, timer, commandIds });
    if (timer !== undefined) this.#timers.set(timer, id);
    for (const commandId of commandIds) this.#asked.set(commandId, id);
    for (const type of types) {
      const ids = this.#listeners.get(type) ?? new Set();
      this.#listeners.set(type, ids.add(id));
    }
  }
}
