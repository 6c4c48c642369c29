import { assert, type Cancel } from "@halon/runtime";
import type { Chance } from "./chance.ts";

/** What befalls messages on their way. */
export interface Weather {
  /** Probability that a copy never arrives. */
  readonly loss: number;
  /** Probability that a second copy arrives, on a way of its own. */
  readonly duplication: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** A local network in good order. */
export const CALM: Weather = { loss: 0, duplication: 0, delayMsMin: 0.1, delayMsMax: 0.6 };

/** The machine of a process: `station-1/replica` runs on `station-1`. */
export const machineOf = (process: string): string => {
  const slash = process.indexOf("/");
  return slash < 0 ? process : process.slice(0, slash);
};

const linkOf = (from: string, to: string): string => `${from}>${to}`;
const NO_COPY: readonly number[] = [];

/**
 * The network between machines. Every fault returns what ends it, and ends only itself: two cuts of one link must both be
 * ended before it works again; of several weathers the latest that says something of a matter counts in it.
 */
export class SimulatedNetwork {
  readonly #chance: Chance;
  /** Invariant: counts are positive. */
  readonly #cuts = new Map<string, number>();
  #weathers: { readonly weather: Partial<Weather>; readonly link: string | undefined }[] = [];
  readonly #machines = new Map<string, string>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Changes the weather everywhere, or on the links from one machine to another. */
  setWeather(weather: Partial<Weather>, link?: { readonly from: string; readonly to: string }): Cancel {
    const { delayMsMin, delayMsMax } = { ...CALM, ...weather };
    assert(delayMsMin >= 0 && delayMsMax >= delayMsMin, "delays: 0 <= min <= max");
    const entry = { weather, link: link && linkOf(link.from, link.to) };
    this.#weathers.push(entry);
    return () => {
      this.#weathers = this.#weathers.filter((each) => each !== entry);
    };
  }

  /** One direction only. */
  cut(from: string, to: string): Cancel {
    const link = linkOf(from, to);
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1);
    let isCut = true;
    return () => {
      const count = this.#cuts.get(link);
      if (!isCut || count === undefined) return;
      isCut = false;
      if (count === 1) this.#cuts.delete(link);
      else this.#cuts.set(link, count - 1);
    };
  }

  /** Cuts all links, both ways, between machines of different groups. A machine in no group is not touched. */
  partition(...groups: readonly (readonly string[])[]): Cancel {
    const cancels = groups.flatMap((group, at) =>
      groups.flatMap((other, otherAt) =>
        at === otherAt ? [] : group.flatMap((from) => other.map((to) => this.cut(from, to))),
      ),
    );
    return () => {
      for (const cancel of cancels) cancel();
    };
  }

  /** Ends all faults. */
  heal(): void {
    this.#cuts.clear();
    this.#weathers = [];
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(linkOf(from, to));
  }

  /** The delays of the copies that arrive, for one message from process to process. */
  fate(fromProcess: string, toProcess: string): readonly number[] {
    const link =
      this.#cuts.size === 0 && this.#weathers.length === 0
        ? undefined
        : linkOf(this.#machine(fromProcess), this.#machine(toProcess));
    if (link !== undefined && this.#cuts.has(link)) return NO_COPY;
    const { loss, duplication, delayMsMin, delayMsMax } = link === undefined ? CALM : this.#weatherOn(link);
    const chance = this.#chance;
    if (loss > 0 && chance.hits(loss)) return NO_COPY;
    const delayMs = chance.latency(delayMsMin, delayMsMax);
    if (duplication === 0 || !chance.hits(duplication)) return [delayMs];
    return [delayMs, chance.latency(delayMsMin, delayMsMax)];
  }

  #weatherOn(link: string): Weather {
    let weather = CALM;
    for (const each of this.#weathers)
      if (each.link === undefined || each.link === link) weather = { ...weather, ...each.weather };
    return weather;
  }

  #machine(process: string): string {
    let machine = this.#machines.get(process);
    if (machine === undefined) {
      machine = machineOf(process);
      this.#machines.set(process, machine);
    }
    return machine;
  }
}
