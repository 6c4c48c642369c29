import type { Chance } from "./chance.ts";
import type { FaultKind } from "./fault.ts";
import type { SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** A process whose journal may be damaged now: the others can do without what it holds. */
export interface DamageTarget {
  readonly process: SimulatedProcess;
  /** Name of the journal that it would open. */
  readonly journal: string;
  /** The journal is damaged, or will be; its process finds out later. */
  readonly onStruck: () => void;
}

/** Asked at each strike; must leave out whom the group cannot lose. */
export type DamageTargets = () => readonly DamageTarget[];

const damaging = (
  name: string,
  targets: DamageTargets,
  damage: (target: DamageTarget, chance: Chance) => boolean,
): FaultKind => ({
  name,
  strike(world: World, chance: Chance) {
    const target = chance.pick(targets());
    if (target === undefined) return undefined;
    // At rest: while nobody has it open.
    target.process.kill(`${name} while down`);
    if (damage(target, chance)) target.onStruck();
    else world.note("nothing there to be damaged", target.process.id);
    return () => target.process.start();
  },
});

/** A bit of the journal flips while its process is down. */
export const bitFlip = (targets: DamageTargets): FaultKind =>
  damaging("bit-flip", targets, ({ process, journal }, chance) => {
    const disk = process.machine.journalDisk(journal);
    const { firstSeq, lastSeq } = disk;
    if (lastSeq < firstSeq) return false;
    disk.flipBit(firstSeq + chance.below(lastSeq - firstSeq + 1), chance.below(8));
    return true;
  });

/** A file of the journal ends in its middle. */
export const truncation = (targets: DamageTargets): FaultKind =>
  damaging("truncation", targets, ({ process, journal }) => {
    process.machine.truncateJournal(journal);
    return true;
  });

/** A flush fails as `fsync` does: nobody knows what of it is on the disk. */
export const flushError = (targets: DamageTargets): FaultKind => ({
  name: "fsync-error",
  strike(world, chance) {
    const target = chance.pick(targets());
    if (target === undefined || target.process.state !== "running") return undefined;
    world.note("the next flush fails", target.process.id);
    target.process.machine.journalDisk(target.journal).failNextFlush();
    target.onStruck();
    return () => undefined;
  },
});

/** No journal of a machine can flush. Nothing is damaged: with room again it goes on. */
export const fullDisk = (targets: { readonly machines: readonly string[] }): FaultKind => ({
  name: "full-disk",
  strike(world, chance) {
    const name = chance.pick(targets.machines);
    if (name === undefined) return undefined;
    const machine = world.machine(name);
    machine.isDiskFull = true;
    world.note("the disk is full", name);
    return () => {
      machine.isDiskFull = false;
    };
  },
});

/** All that damages what a disk holds. */
export const everyDamage = (targets: DamageTargets): readonly FaultKind[] => [
  bitFlip(targets),
  truncation(targets),
  flushError(targets),
];
