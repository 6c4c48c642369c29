import type { Chance } from "./chance.ts";
import type { FaultKind } from "./faults.ts";
import type { World } from "./world.ts";

export interface StormOptions {
  readonly kinds: readonly FaultKind[];
  /** Mean time between two strikes. */
  readonly everyMs: number;
  /** A fault mostly lasts short, now and then this long. */
  readonly lastsMsMax: number;
}

/** Probability that a run has a kind of fault at all. */
const KIND_PROBABILITY = 0.6;
const LASTS_MS_MIN = 20;

/**
 * Faults by chance, until told to end. Each run leaves out whole kinds: a fault that is always there hides what others
 * would show (Groce et al., "Swarm Testing", 2012).
 */
export class Storm {
  readonly #world: World;
  readonly #options: StormOptions;
  readonly #chance: Chance;
  readonly #kinds: readonly FaultKind[];
  readonly #active = new Set<() => void>();
  #isOver = false;
  #struck = 0;

  constructor(world: World, options: StormOptions) {
    this.#world = world;
    this.#options = options;
    this.#chance = world.chance.fork("storm");
    const chosen = options.kinds.filter(() => this.#chance.hits(KIND_PROBABILITY));
    this.#kinds = chosen.length > 0 ? chosen : options.kinds;
    world.note(`storm of ${this.#kinds.map(({ name }) => name).join(", ")}`);
    this.#next();
  }

  /** Faults so far. */
  get struck(): number {
    return this.#struck;
  }

  /** No further faults, and the present ones end. */
  end(): void {
    this.#isOver = true;
    for (const heal of [...this.#active]) heal();
    this.#world.note("the storm is over");
  }

  #next(): void {
    const { clock } = this.#world;
    clock.at(clock.nowMs() + this.#chance.between(0, 2 * this.#options.everyMs), () => {
      if (this.#isOver) return;
      this.#strike();
      this.#next();
    });
  }

  #strike(): void {
    const kind = this.#chance.pick(this.#kinds);
    const end = kind?.strike(this.#world, this.#chance);
    if (kind === undefined || end === undefined) return;
    this.#struck++;
    const heal = (): void => {
      if (!this.#active.delete(heal)) return;
      end();
      this.#world.note(`${kind.name} ends`);
    };
    this.#active.add(heal);
    const { clock } = this.#world;
    clock.at(clock.nowMs() + this.#chance.latency(LASTS_MS_MIN, this.#options.lastsMsMax), heal);
  }
}
