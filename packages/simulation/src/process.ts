import { openJournalMemory } from "@halon/journal-memory";
import {
  type Cancel,
  type Clock,
  type Journal,
  JournalError,
  type Random,
  type Store,
  type Transport,
} from "@halon/runtime";
import { openStoreMemory } from "@halon/store-memory";
import type { Chance } from "./chance.ts";
import type { Files } from "./files.ts";
import { Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import { ProcessClock } from "./process-clock.ts";
import { ProcessTransport } from "./process-transport.ts";

/** All that a simulated process may touch. Each life gets its own. */
export interface ProcessPorts {
  readonly machine: string;
  /** `machine/name`: also its name on the bus. */
  readonly id: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  /** Its own directory. */
  readonly files: Files;
  /** Opens the journal of that name on this machine, a new one on a disk that has none. Throws a JournalError. */
  openJournal(name: string, identity: string): Journal;
  /** Opens the store of that name. Throws a StoreError. */
  openStore(name: string, identity: string): Store;
  /** A line for people, and for the hash. */
  trace(what: string): void;
  /** Ends this process as soon as the present callback is over, as an exit without a last word would. */
  exit(why: string): void;
}

/** What runs in a process. */
export interface Instance {
  /** An orderly end: the process has been asked to. */
  stop(): void;
}

/** What a process needs of its world. */
export interface ProcessWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  trace(who: string, what: string): void;
  /** A connection to the bus, if the machine has one. */
  openTransport(id: string, machine: string): Transport;
  /** Ends the connection of a dead process. */
  killTransport(id: string): void;
}

/** Trimming keeps so many records together, as a real journal does: what is before the needed one is mostly still there. */
const SEGMENT_RECORDS = 8;
/** Records under way to the disk of which a crash may keep some. */
const KEPT_MAX = 4;

/** A program on a machine, through all its lives. */
export class SimulatedProcess<T extends Instance = Instance> {
  readonly machine: Machine;
  readonly name: string;
  readonly id: string;
  readonly #world: ProcessWorld;
  readonly #build: (ports: ProcessPorts) => T;
  readonly #chance: Chance;
  readonly #onExit: (() => void)[] = [];
  #life: Life | undefined;
  #instance: T | undefined;
  #lives = 0;
  #restartAfterMs: number | undefined;
  #restart: Cancel | undefined;
  /** What the present life has open: how each ends when the process dies, and when it stops in order. */
  #open: { readonly crash: () => void; readonly close: () => void }[] = [];

  constructor(world: ProcessWorld, machine: Machine, name: string, build: (ports: ProcessPorts) => T) {
    this.#world = world;
    this.machine = machine;
    this.name = name;
    this.id = `${machine.name}/${name}`;
    this.#build = build;
    this.#chance = world.chance.fork(this.id);
  }

  get state(): "running" | "paused" | "down" {
    const state = this.#life?.state ?? "over";
    return state === "over" ? "down" : state;
  }

  /** Undefined while it is down. */
  get instance(): T | undefined {
    return this.#instance;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** `listener` is called whenever this process is gone, by whatever; in a callback of its own. */
  onExit(listener: () => void): void {
    this.#onExit.push(listener);
  }

  /** Whenever it has exited by itself, it is started again after so long in the world's time. */
  supervise(afterMs: number): void {
    this.#restartAfterMs = afterMs;
  }

  /** It is not started again for now, as its machine is gone with whoever would. True if it would have been. */
  forgoRestart(): boolean {
    const isDue = this.#restart !== undefined;
    this.#restart?.();
    this.#restart = undefined;
    return isDue;
  }

  /** Starts it; nothing happens when it is up already. */
  start(): void {
    if (this.#life !== undefined) return;
    this.forgoRestart();
    this.#lives++;
    const life = new Life();
    this.#life = life;
    this.#world.trace(this.id, this.#lives === 1 ? "starts" : `starts, life ${this.#lives}`);
    const instance = this.#build(this.#ports(life));
    if (this.#life === life) this.#instance = instance;
  }

  /** Dies at once: what was not flushed is gone, subscriptions vanish. Nothing happens when it is down. */
  kill(why = "killed"): void {
    if (this.#life === undefined) return;
    this.#world.trace(this.id, why);
    this.#end();
    for (const { crash } of this.#open) crash();
    this.#gone();
  }

  /** An orderly end: the instance is told, what was written is flushed. A paused one cannot hear: it is killed. */
  stop(): void {
    if (this.state !== "running") return this.kill();
    this.#world.trace(this.id, "stops");
    this.#instance?.stop();
    this.#end();
    for (const { close } of this.#open) close();
    this.#gone();
  }

  restart(): void {
    this.kill();
    this.start();
  }

  /** As SIGSTOP: it does nothing, its clock goes on, what comes in waits. */
  pause(): void {
    if (this.state !== "running") return;
    this.#world.trace(this.id, "paused");
    this.#life?.pause();
  }

  /** As SIGCONT: what has waited comes in now, in order. */
  resume(): void {
    const life = this.#life;
    if (life === undefined || life.state !== "paused") return;
    this.#world.trace(this.id, "resumed");
    life.resume();
    const { clock } = this.#world;
    clock.at(clock.nowMs(), () => life.drain());
  }

  #exit(why: string): void {
    this.kill(`exits: ${why}`);
    const { clock } = this.#world;
    if (this.#restartAfterMs !== undefined)
      this.#restart = clock.at(clock.nowMs() + this.#restartAfterMs, () => this.start());
  }

  #end(): void {
    this.#life?.end();
    this.#life = undefined;
    this.#instance = undefined;
  }

  #gone(): void {
    this.#open = [];
    const { clock } = this.#world;
    for (const listener of this.#onExit) clock.at(clock.nowMs(), listener);
  }

  #ports(life: Life): ProcessPorts {
    const { machine, id } = this;
    const { clock: world } = this.#world;
    const clock = new ProcessClock(machine.clock, life);
    const files = machine.fileDisk(this.name);
    this.#open.push({
      crash: () => files.crash(this.#chance.below(files.waiting + 1)),
      close: () => files.crash(files.waiting),
    });
    return {
      machine: machine.name,
      id,
      clock,
      random: this.#chance.fork(`life ${this.#lives}`),
      transport: this.#openTransport(life),
      files: files.open(clock, machine.flushMs),
      openJournal: (name, identity) => this.#openJournal(clock, name, identity),
      openStore: (name, identity) => this.#openStore(clock, name, identity),
      trace: (what) => this.#world.trace(id, what),
      exit: (why) => {
        world.at(world.nowMs(), () => {
          if (this.#life === life) this.#exit(why);
        });
      },
    };
  }

  #openTransport(life: Life): Transport {
    const { id, machine } = this;
    const transport = new ProcessTransport(this.#world.openTransport(id, machine.name), life);
    const crash = (): void => {
      if (!transport.isClosed) this.#world.killTransport(id);
    };
    this.#open.push({ crash, close: () => void transport.close() });
    return transport;
  }

  #openJournal(clock: Clock, name: string, identity: string): Journal {
    const { machine } = this;
    if (machine.isTruncated(name))
      throw new JournalError("damaged", `journal ${name} ends in the middle of a file: rejoin with a new incarnation`);
    const disk = machine.journalDisk(name);
    const mode = disk.used ? "existing" : "create";
    const segmentRecords = SEGMENT_RECORDS;
    const journal = openJournalMemory({ disk, clock, flushMs: machine.flushMs, mode, identity, segmentRecords });
    this.#open.push({ crash: () => disk.crash(this.#chance.below(KEPT_MAX + 1)), close: () => void journal.close() });
    return journal;
  }

  #openStore(clock: Clock, name: string, identity: string): Store {
    const disk = this.machine.storeDisk(name);
    const store = openStoreMemory({ disk, clock, flushMs: this.machine.flushMs, identity });
    this.#open.push({ crash: () => disk.crash(this.#chance.below(KEPT_MAX + 1)), close: () => void store.close() });
    return store;
  }
}
