import { assert, type Cancel, type Transport, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { Chance } from "./chance.ts";
import { type Invariant, SimulationFailure } from "./invariant.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { SimulatedNetwork } from "./network.ts";
import { type Instance, type ProcessPorts, type ProcessWorld, SimulatedProcess } from "./process.ts";
import { Trace } from "./trace.ts";

export interface WorldOptions {
  readonly seed: number;
  /** The shell command that repeats this run. */
  readonly replay: string;
  /** Keep every line of the trace, not only the last ones. */
  readonly keepTrace?: boolean;
}

/**
 * Machines, processes and the bus between them, in one process, in virtual time, from one seed: the same seed gives the
 * same run. Faults are verbs. Invariants are checked after each step; when one is broken, or the program throws, the
 * step throws a {@link SimulationFailure}.
 */
export class World {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly chance: Chance;
  readonly network: SimulatedNetwork;
  readonly bus: MemoryBus;
  readonly trace: Trace;
  readonly #replay: string;
  readonly #machines = new Map<string, Machine>();
  readonly #processes = new Map<string, SimulatedProcess>();
  readonly #unplugged = new Set<string>();
  readonly #stepInvariants: Invariant[] = [];
  readonly #endInvariants: Invariant[] = [];
  readonly #processWorld: ProcessWorld;
  #brokerIsUp = true;

  constructor({ seed, replay, keepTrace = false }: WorldOptions) {
    this.seed = seed;
    this.#replay = replay;
    this.chance = new Chance(seed);
    this.trace = new Trace(keepTrace);
    this.network = new SimulatedNetwork(this.chance.fork("network"));
    this.bus = new MemoryBus({
      clock: this.clock,
      random: this.chance.fork("bus"),
      network: (from, to, _subject, payload) => {
        const copies = this.network.fate(from, to);
        this.trace.message(this.clock.nowMs(), from, to, payload, copies.length);
        return copies;
      },
    });
    this.#processWorld = {
      clock: this.clock,
      chance: this.chance,
      trace: (who, what) => this.note(what, who),
      openTransport: (id, machine) => this.#openTransport(id, machine),
      killTransport: (id) => this.bus.kill(id),
    };
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  get processes(): readonly SimulatedProcess[] {
    return [...this.#processes.values()];
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  get brokerIsUp(): boolean {
    return this.#brokerIsUp;
  }

  /** Adds a machine, or with no options finds it, adding it the first time. */
  machine(name: string, options?: MachineOptions): Machine {
    const found = this.#machines.get(name);
    if (found !== undefined) {
      assert(options === undefined, `machine ${name} exists already: give its options the first time`);
      return found;
    }
    assert(!name.includes("/"), `machine ${name}: a name without "/"`);
    const machine = new Machine(name, this.clock, this.chance.fork(`machine ${name}`), options);
    this.#machines.set(name, machine);
    return machine;
  }

  /** Starts a program on a machine. `build` is run once for each of its lives. */
  spawn<T extends Instance>(machine: string, name: string, build: (ports: ProcessPorts) => T): SimulatedProcess<T> {
    const process = new SimulatedProcess<T>(this.#processWorld, this.machine(machine), name, build);
    assert(!this.#processes.has(process.id), `process ${process.id} exists already: restart it`);
    this.#processes.set(process.id, process);
    process.start();
    return process;
  }

  /** A line of the trace, of a process, a machine, or the world itself. */
  note(what: string, who = ""): void {
    this.trace.line(this.nowMs, who, what);
  }

  /** All processes of a machine die, as by a power cut. Returns those that were up, or about to be. */
  killMachine(name: string): readonly SimulatedProcess[] {
    const up = this.#of(name).filter((process) => process.forgoRestart() || process.state !== "down");
    for (const process of up) process.kill("loses power");
    return up;
  }

  /** The broker no longer reaches a machine: its processes notice that. Returns what ends it. */
  disconnect(machine: string): Cancel {
    if (this.#unplugged.has(machine)) return () => undefined;
    this.#unplugged.add(machine);
    this.note("disconnected from the broker", machine);
    for (const { id, state } of this.#of(machine)) if (state !== "down") this.bus.disconnect(id);
    return () => {
      if (!this.#unplugged.delete(machine)) return;
      this.note("connected to the broker", machine);
      for (const { id, state } of this.#of(machine)) if (state !== "down") this.bus.connect(id);
    };
  }

  stopBroker(): void {
    if (!this.#brokerIsUp) return;
    this.#brokerIsUp = false;
    this.note("the broker stops");
    this.bus.stop();
  }

  startBroker(): void {
    if (this.#brokerIsUp) return;
    this.#brokerIsUp = true;
    this.note("the broker starts");
    this.bus.start();
  }

  get invariants(): readonly Invariant[] {
    return [...this.#stepInvariants, ...this.#endInvariants];
  }

  addInvariant(invariant: Invariant): void {
    (invariant.when === "end" ? this.#endInvariants : this.#stepInvariants).push(invariant);
  }

  /** The next thing happens, then the invariants are checked. False when nothing is due up to `limitMs`. */
  step(limitMs = Number.POSITIVE_INFINITY): boolean {
    let happened: boolean;
    try {
      happened = this.clock.step(limitMs);
    } catch (cause) {
      if (cause instanceof SimulationFailure) throw cause;
      throw this.failure("crash", cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause), cause);
    }
    if (happened) this.#check(this.#stepInvariants);
    return happened;
  }

  runFor(spanMs: number): void {
    const untilMs = this.nowMs + spanMs;
    while (this.step(untilMs));
    this.clock.runUntil(untilMs);
  }

  /** Runs until `condition` holds. Throws a {@link SimulationFailure} (`liveness`) when it does not within `withinMs`. */
  until(condition: () => boolean, withinMs: number, what: string | (() => string)): void {
    const deadlineMs = this.nowMs + withinMs;
    while (!condition()) {
      if (this.step(deadlineMs)) continue;
      const missing = typeof what === "string" ? what : what();
      throw this.failure("liveness", `not within ${withinMs} virtual ms: ${missing}`);
    }
  }

  /** Checks all invariants, those for the end too. */
  finish(): void {
    this.#check(this.#stepInvariants);
    this.#check(this.#endInvariants);
  }

  /** The failure of this run as of now: throw it. */
  failure(broken: string, what: string, cause?: unknown): SimulationFailure {
    const { seed, nowMs: atMs, trace } = this;
    const where = { seed, atMs, lines: trace.recent, replay: this.#replay };
    return new SimulationFailure(where, broken, what, cause === undefined ? undefined : { cause });
  }

  #openTransport(id: string, machine: string): Transport {
    const transport = this.bus.open(id);
    if (this.#unplugged.has(machine)) this.bus.disconnect(id);
    return transport;
  }

  /** All processes of a machine that run are paused, as if its virtual machine was suspended: their clock is seen to jump. */
  suspend(name: string): Cancel {
    const running = this.#of(name).filter(({ state }) => state === "running");
    for (const process of running) process.pause();
    return () => {
      for (const process of running) process.resume();
    };
  }

  #of(machine: string): readonly SimulatedProcess[] {
    return this.processes.filter((process) => process.machine.name === machine);
  }

  #check(invariants: readonly Invariant[]): void {
    for (const invariant of invariants) {
      const wrong = invariant.check();
      if (wrong !== undefined) throw this.failure(invariant.name, `${wrong} (${invariant.citation})`);
    }
  }
}
