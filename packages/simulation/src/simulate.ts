import type { FaultKind } from "./fault.ts";
import { Storm } from "./storm.ts";
import { World } from "./world.ts";

/** A system to be simulated. */
export interface Model {
  readonly name: string;
  /** Spawns its processes, adds its invariants. */
  build(world: World): ModelRun;
}

/** One run of a model. */
export interface ModelRun {
  /** Whose columns the timeline has: machines, or processes. */
  readonly columns: readonly string[];
  /** What may go wrong. */
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  readonly faultLastsMsMax: number;
  /** How long faults strike while invariants must hold. */
  readonly safetyMs: number;
  /** Within this, once faults have ended, {@link ModelRun.isConverged} must become true. */
  readonly livenessMs: number;
  /** Faults have ended for good. */
  calm(): void;
  /** All that must come to pass after the storm has. */
  isConverged(): boolean;
  /** What has not come to pass yet, for the report of a failure. */
  lacking(): string;
  /** Operations of clients so far. */
  readonly operations: number;
}

export interface RunOptions {
  readonly seed: number;
  /** The shell command that repeats this run. */
  readonly replay: string;
  readonly keepTrace?: boolean;
}

export interface RunReport {
  /** Equal for equal runs, and for no others. */
  readonly hash: string;
  readonly virtualMs: number;
  /** Which kinds of fault the run had drawn, and how much of them. */
  readonly swarm: string;
  /** Strikes of each kind that has struck. */
  readonly faults: Readonly<Record<string, number>>;
  readonly operations: number;
  /** Of each invariant, how much it has looked at. */
  readonly checks: Readonly<Record<string, number>>;
}

export interface Simulation {
  readonly world: World;
  readonly run: ModelRun;
  /** Safety, then liveness, then the invariants for the end. Throws a SimulationFailure. */
  complete(): RunReport;
}

/** Sets a run up. Nothing has happened yet, so that a failing run can still be looked at. */
export function prepare(model: Model, options: RunOptions): Simulation {
  const world = new World(options);
  const run = model.build(world);
  return { world, run, complete: () => complete(world, run) };
}

/** {@link prepare} and complete. */
export const simulate = (model: Model, options: RunOptions): RunReport => prepare(model, options).complete();

function complete(world: World, run: ModelRun): RunReport {
  const storm = new Storm(world, { kinds: run.faults, everyMs: run.faultEveryMs, lastsMsMax: run.faultLastsMsMax });
  world.runFor(run.safetyMs);
  storm.end();
  run.calm();
  world.until(
    () => run.isConverged(),
    run.livenessMs,
    () => `the system is whole again; it is not: ${run.lacking()}`,
  );
  world.finish();
  return {
    hash: world.trace.hash,
    virtualMs: world.nowMs,
    swarm: storm.describe(),
    faults: Object.fromEntries(storm.struck),
    operations: run.operations,
    checks: Object.fromEntries(world.invariants.map(({ name, checks = 1 }) => [name, checks])),
  };
}
