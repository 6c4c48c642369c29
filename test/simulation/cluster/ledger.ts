import type { Invariant } from "@halon/simulation";

/** One process of a service somewhere. */
export interface Running {
  readonly instance: string;
  readonly generation: number;
  readonly machine: string;
}

/** What runs where, as somebody would see it who looks at all machines at once. */
export class RunLedger {
  readonly #running = new Set<Running>();
  readonly #exclusive: (instance: string) => boolean;
  #twice: string | undefined;
  #started = 0;

  constructor(isExclusive: (instance: string) => boolean) {
    this.#exclusive = isExclusive;
  }

  /** Processes started so far. */
  get started(): number {
    return this.#started;
  }

  begin(running: Running): void {
    this.#started++;
    const others = this.of(running.instance);
    if (this.#exclusive(running.instance) && others.length > 0)
      this.#twice ??= [...others, running]
        .map(({ machine, generation }) => `${machine} (generation ${generation})`)
        .join(" and ");
    this.#running.add(running);
  }

  end(running: Running): void {
    this.#running.delete(running);
  }

  of(instance: string): readonly Running[] {
    return [...this.#running].filter((each) => each.instance === instance);
  }

  /** Each instance that runs, with the number of its processes. */
  count(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { instance } of this.#running) counts.set(instance, (counts.get(instance) ?? 0) + 1);
    return counts;
  }

  get oneInstance(): Invariant {
    return {
      name: "one-instance",
      citation: "promise G4",
      check: () => this.#twice && `an exclusive instance runs twice: on ${this.#twice}`,
    };
  }
}

/** Events as their submitter saw them, and as the coordinators decided on them. */
export class EventLedger {
  readonly #acknowledged = new Set<string>();
  #submitted = 0;

  get submitted(): number {
    return this.#submitted;
  }

  get acknowledged(): ReadonlySet<string> {
    return this.#acknowledged;
  }

  submit(): string {
    return `event-${++this.#submitted}`;
  }

  acknowledge(name: string): void {
    this.#acknowledged.add(name);
  }

  /** Acknowledged events that are missing in `decided`, and events that are in it twice. */
  complaints(decided: readonly string[]): readonly string[] {
    const seen = new Set(decided);
    const lost = [...this.#acknowledged]
      .filter((name) => !seen.has(name))
      .map((name) => `${name} was acknowledged and lost`);
    const twice = decided.filter((name, at) => decided.indexOf(name) !== at).map((name) => `${name} took effect twice`);
    return [...lost, ...twice];
  }
}
