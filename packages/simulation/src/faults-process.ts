import type { FaultKind, FaultTargets } from "./fault.ts";

/** Clocks are at most this much faster or slower than the true time. */
export const CLOCK_DRIFT_MAX = 0.05;

/** A process dies and is started again. */
export const crash = (targets: FaultTargets): FaultKind => ({
  name: "kill",
  strike(_world, chance) {
    const victim = chance.pick(targets.processes.filter(({ state }) => state !== "down"));
    if (victim === undefined) return undefined;
    victim.kill();
    return () => victim.start();
  },
});

/** A machine loses power, and all its processes with it: what they had not flushed is gone, but for a prefix. */
export const powerCut = (targets: FaultTargets): FaultKind => ({
  name: "power-loss",
  strike(world, chance) {
    const machine = chance.pick(targets.machines);
    if (machine === undefined) return undefined;
    const killed = world.killMachine(machine);
    return () => {
      for (const process of killed) process.start();
    };
  },
});

/** As by SIGSTOP. */
export const pause = (targets: FaultTargets): FaultKind => ({
  name: "pause",
  strike(_world, chance) {
    const victim = chance.pick(targets.processes.filter(({ state }) => state === "running"));
    victim?.pause();
    return victim && (() => victim.resume());
  },
});

/** A virtual machine is suspended, and nothing reaches it; when it goes on, its programs see the clock jump forward. */
export const suspension = (targets: FaultTargets): FaultKind => ({
  name: "clock-jump",
  strike(world, chance) {
    const machine = chance.pick(targets.machines);
    if (machine === undefined) return undefined;
    world.note("suspended", machine);
    const connect = world.network.partition(
      [machine],
      targets.machines.filter((other) => other !== machine),
    );
    const resume = world.suspend(machine);
    return () => {
      connect();
      resume();
    };
  },
});

/** The clock of a machine goes at another rate, and goes on so. */
export const clockRate = (targets: FaultTargets): FaultKind => ({
  name: "clock-rate",
  strike(world, chance) {
    const name = chance.pick(targets.machines);
    if (name === undefined) return undefined;
    // The extremes are where it hurts.
    const rate = 1 + CLOCK_DRIFT_MAX * (chance.hits(0.5) ? (chance.hits(0.5) ? 1 : -1) : chance.between(-1, 1));
    world.machine(name).clock.setRate(rate);
    world.note(`clock at ${rate.toFixed(3)}`, name);
    return () => undefined;
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
