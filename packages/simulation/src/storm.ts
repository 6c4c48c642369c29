import type { Chance } from "./chance.ts";
import type { FaultKind } from "./fault.ts";
import type { World } from "./world.ts";

export interface StormOptions {
  readonly kinds: readonly FaultKind[];
  /** Mean time between two strikes, in an ordinary run. */
  readonly everyMs: number;
  /** A fault mostly lasts short, now and then this long. */
  readonly lastsMsMax: number;
}

/** Probability that a run has a kind of fault at all. */
const KIND_PROBABILITY = 0.5;
const LASTS_MS_MIN = 20;
/** Runs differ by up to this factor, both ways, in how often faults strike and how long they last. */
const INTENSITY_MAX = 3;
/** In one run, some kinds strike up to so many times as often as others. */
const WEIGHT_MAX = 4;

/** What one run has of what there is: drawn from its seed, once. */
interface Swarm {
  readonly kinds: readonly FaultKind[];
  /** Of each kind. */
  readonly weights: readonly number[];
  readonly everyMs: number;
  readonly lastsMsMax: number;
}

function draw(chance: Chance, { kinds, everyMs, lastsMsMax }: StormOptions): Swarm {
  const drawn = kinds.filter(() => chance.hits(KIND_PROBABILITY));
  const chosen = drawn.length > 0 ? drawn : kinds;
  const factor = (): number => INTENSITY_MAX ** chance.between(-1, 1);
  return {
    kinds: chosen,
    weights: chosen.map(() => chance.between(1, WEIGHT_MAX)),
    everyMs: everyMs * factor(),
    lastsMsMax: lastsMsMax * factor(),
  };
}

/**
 * Faults by chance, until told to end. Each run leaves out whole kinds, and draws how often and for how long the others
 * strike: a fault that is always there hides what others would show (Groce et al., "Swarm Testing", 2012).
 */
export class Storm {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #swarm: Swarm;
  readonly #weightSum: number;
  readonly #active = new Set<() => void>();
  readonly #struck = new Map<string, number>();
  #isOver = false;

  constructor(world: World, options: StormOptions) {
    this.#world = world;
    this.#chance = world.chance.fork("storm");
    this.#swarm = draw(this.#chance, options);
    this.#weightSum = this.#swarm.weights.reduce((sum, weight) => sum + weight, 0);
    world.note(`storm of ${this.describe()}`);
    this.#next();
  }

  /** Strikes so far, of each kind that has struck. */
  get struck(): ReadonlyMap<string, number> {
    return this.#struck;
  }

  /** What this run has drawn, for people: `kill × 2.1, loss × 1.0; every 900 ms, up to 4000 ms`. */
  describe(): string {
    const { kinds, weights, everyMs, lastsMsMax } = this.#swarm;
    const each = kinds.map(({ name }, at) => `${name} × ${(weights[at] ?? 0).toFixed(1)}`);
    return `${each.join(", ")}; every ${everyMs.toFixed(0)} ms, up to ${lastsMsMax.toFixed(0)} ms`;
  }

  /** No further faults, and the present ones end. */
  end(): void {
    this.#isOver = true;
    for (const heal of [...this.#active]) heal();
    this.#world.note("the storm is over");
  }

  #next(): void {
    const { clock } = this.#world;
    clock.at(clock.nowMs() + this.#chance.between(0, 2 * this.#swarm.everyMs), () => {
      if (this.#isOver) return;
      this.#strike();
      this.#next();
    });
  }

  #pick(): FaultKind | undefined {
    const { kinds, weights } = this.#swarm;
    let left = this.#chance.between(0, this.#weightSum);
    return kinds.find((_kind, at) => {
      left -= weights[at] ?? 0;
      return left < 0;
    });
  }

  #strike(): void {
    const kind = this.#pick();
    const end = kind?.strike(this.#world, this.#chance);
    if (kind === undefined || end === undefined) return;
    this.#struck.set(kind.name, (this.#struck.get(kind.name) ?? 0) + 1);
    const heal = (): void => {
      if (!this.#active.delete(heal)) return;
      end();
      this.#world.note(`${kind.name} ends`);
    };
    this.#active.add(heal);
    const { clock } = this.#world;
    clock.at(clock.nowMs() + this.#chance.latency(LASTS_MS_MIN, this.#swarm.lastsMsMax), heal);
  }
}
