import { MemoryDisk } from "@halon/journal-memory";
import { MemoryStoreDisk } from "@halon/store-memory";
import type { Chance } from "./chance.ts";
import { FileDisk } from "./files.ts";

export interface MachineOptions {
  /** Milliseconds of its clock per millisecond of the world. */
  readonly clockRate?: number;
  /** A flush mostly takes little, now and then up to this. */
  readonly flushMsMax?: number;
}

const FLUSH_MS_MIN = 0.2;
const FLUSH_MS_MAX_DEFAULT = 3;
/** Clocks of machines begin anywhere, so that a time that travels between them is noticed. */
const ORIGIN_MS_MAX = 1_000_000;

/** What is there whether or not processes run: a clock and disks. */
export class Machine {
  readonly name: string;
  readonly clockRate: number;
  readonly originMs: number;
  readonly #chance: Chance;
  readonly #flushMsMax: number;
  readonly #journals = new Map<string, MemoryDisk>();
  readonly #stores = new Map<string, MemoryStoreDisk>();
  readonly #files = new Map<string, FileDisk>();
  /** Factor on the time of each flush: a disk in trouble. */
  diskSlowness = 1;

  constructor(name: string, chance: Chance, options: MachineOptions = {}) {
    this.name = name;
    this.#chance = chance;
    this.clockRate = options.clockRate ?? 1;
    this.#flushMsMax = options.flushMsMax ?? FLUSH_MS_MAX_DEFAULT;
    this.originMs = chance.between(0, ORIGIN_MS_MAX);
  }

  /** How long the next flush takes. */
  readonly flushMs = (): number => this.#chance.latency(FLUSH_MS_MIN, this.#flushMsMax) * this.diskSlowness;

  /** The disk of the journal of that name; a new one the first time. */
  journalDisk(name: string): MemoryDisk {
    return known(this.#journals, name, () => new MemoryDisk());
  }

  storeDisk(name: string): MemoryStoreDisk {
    return known(this.#stores, name, () => new MemoryStoreDisk());
  }

  /** The directory of the process of that name. */
  fileDisk(name: string): FileDisk {
    return known(this.#files, name, () => new FileDisk());
  }

  /** All disks replaced by empty ones. Its processes must be down. */
  wipe(): void {
    for (const disk of this.#journals.values()) disk.wipe();
    for (const disk of this.#stores.values()) disk.wipe();
    for (const disk of this.#files.values()) disk.wipe();
  }
}

function known<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  const value = map.get(name) ?? make();
  map.set(name, value);
  return value;
}
