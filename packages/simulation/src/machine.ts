import { MemoryDisk } from "@halon/journal-memory";
import type { Clock } from "@halon/runtime";
import { MemoryStoreDisk } from "@halon/store-memory";
import type { Chance } from "./chance.ts";
import { FileDisk } from "./files.ts";
import { MachineClock } from "./machine-clock.ts";

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
  readonly clock: MachineClock;
  readonly #chance: Chance;
  readonly #flushMsMax: number;
  readonly #journals = new Map<string, MemoryDisk>();
  readonly #stores = new Map<string, MemoryStoreDisk>();
  readonly #files = new Map<string, FileDisk>();
  readonly #truncated = new Set<string>();
  /** Factor on the time of each flush: a disk in trouble. */
  diskSlowness = 1;
  #isDiskFull = false;

  constructor(name: string, world: Clock, chance: Chance, options: MachineOptions = {}) {
    this.name = name;
    this.#chance = chance;
    this.#flushMsMax = options.flushMsMax ?? FLUSH_MS_MAX_DEFAULT;
    this.clock = new MachineClock(world, options.clockRate ?? 1, chance.between(0, ORIGIN_MS_MAX));
  }

  /** How long the next flush takes. */
  readonly flushMs = (): number => this.#chance.latency(FLUSH_MS_MIN, this.#flushMsMax) * this.diskSlowness;

  get isDiskFull(): boolean {
    return this.#isDiskFull;
  }

  /** While it is full no journal of this machine can flush: one that tries fails with `io`, and what it held is lost. */
  set isDiskFull(isFull: boolean) {
    this.#isDiskFull = isFull;
    for (const disk of this.#journals.values()) disk.isFull = isFull;
  }

  /** The disk of the journal of that name; a new one the first time. */
  journalDisk(name: string): MemoryDisk {
    const disk = known(this.#journals, name, () => new MemoryDisk());
    disk.isFull = this.#isDiskFull;
    return disk;
  }

  /** A file of the journal of that name ends in the middle: it can never be opened again. */
  truncateJournal(name: string): void {
    this.#truncated.add(name);
  }

  isTruncated(name: string): boolean {
    return this.#truncated.has(name);
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
    this.#truncated.clear();
  }
}

function known<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  const value = map.get(name) ?? make();
  map.set(name, value);
  return value;
}
