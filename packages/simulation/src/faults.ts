import type { Chance } from "./chance.ts";
import { CALM } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** A kind of trouble. */
export interface FaultKind {
  readonly name: string;
  /** Makes trouble, and returns what ends it; undefined when there is nothing to strike now. */
  strike(world: World, chance: Chance): (() => void) | undefined;
}

/** Who may be struck. */
export interface FaultTargets {
  readonly processes: readonly SimulatedProcess[];
  /** Machines whose links, disks and connection to the broker may fail. */
  readonly machines: readonly string[];
}

/** A process dies and is started again. */
export const crash = (targets: FaultTargets): FaultKind => ({
  name: "crash",
  strike(_world, chance) {
    const victim = chance.pick(targets.processes.filter(({ state }) => state !== "down"));
    if (victim === undefined) return undefined;
    victim.kill();
    return () => victim.start();
  },
});

/** A machine loses power, and all its processes with it. */
export const powerCut = (targets: FaultTargets): FaultKind => ({
  name: "power",
  strike(world, chance) {
    const machine = chance.pick(targets.machines);
    if (machine === undefined) return undefined;
    const killed = world.killMachine(machine);
    return () => {
      for (const process of killed) process.start();
    };
  },
});

export const pause = (targets: FaultTargets): FaultKind => ({
  name: "pause",
  strike(_world, chance) {
    const victim = chance.pick(targets.processes.filter(({ state }) => state === "running"));
    victim?.pause();
    return victim && (() => victim.resume());
  },
});

/** Messages go astray in one direction. */
export const oneWayCut = (targets: FaultTargets): FaultKind => ({
  name: "one-way",
  strike(world, chance) {
    const [from, to] = chance.shuffled(targets.machines);
    if (from === undefined || to === undefined) return undefined;
    world.note(`cut ${from} → ${to}`);
    return world.network.cut(from, to);
  },
});

/** Two parts that do not hear each other; one of them may be a single machine. */
export const split = (targets: FaultTargets): FaultKind => ({
  name: "split",
  strike(world, chance) {
    const machines = chance.shuffled(targets.machines);
    if (machines.length < 2) return undefined;
    const size = 1 + chance.below(machines.length - 1);
    const [one, other] = [machines.slice(0, size), machines.slice(size)];
    world.note(`split ${one.join(" ")} | ${other.join(" ")}`);
    return world.network.partition(one, other);
  },
});

export const disconnection = (targets: FaultTargets): FaultKind => ({
  name: "disconnection",
  strike(world, chance) {
    const machine = chance.pick(targets.machines);
    return machine === undefined ? undefined : world.disconnect(machine);
  },
});

export const brokerOutage = (): FaultKind => ({
  name: "broker",
  strike(world) {
    if (!world.brokerIsUp) return undefined;
    world.stopBroker();
    return () => world.startBroker();
  },
});

/** Loss, duplication, delay and with it reordering, each by chance in this bout. */
export const weather = (): FaultKind => ({
  name: "weather",
  strike(world, chance) {
    const loss = chance.hits(0.6) ? chance.between(0, 0.3) : 0;
    const duplication = chance.hits(0.6) ? chance.between(0, 0.4) : 0;
    const delayMsMax = chance.hits(0.6) ? chance.between(1, 400) : CALM.delayMsMax;
    world.note(`weather: loss ${loss.toFixed(2)}, twice ${duplication.toFixed(2)}, up to ${delayMsMax.toFixed(0)} ms`);
    return world.network.setWeather({ ...CALM, loss, duplication, delayMsMax });
  },
});

export const slowDisk = (targets: FaultTargets): FaultKind => ({
  name: "slow-disk",
  strike(world, chance) {
    const name = chance.pick(targets.machines);
    if (name === undefined) return undefined;
    const machine = world.machine(name);
    machine.diskSlowness = chance.between(5, 60);
    world.note(`disk ${machine.diskSlowness.toFixed(0)} times slower`, name);
    return () => {
      machine.diskSlowness = 1;
    };
  },
});

/** All of the above. */
export const everyFault = (targets: FaultTargets): readonly FaultKind[] => [
  crash(targets),
  powerCut(targets),
  pause(targets),
  oneWayCut(targets),
  split(targets),
  disconnection(targets),
  brokerOutage(),
  weather(),
  slowDisk(targets),
];
