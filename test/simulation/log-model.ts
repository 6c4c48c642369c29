import { everyDamage, everyFault, type FaultKind, fullDisk, type Model, type ModelRun } from "@halon/simulation";
import { LogGroup, type LogGroupOptions } from "./log-group.ts";

/** Stations vote in groups of these sizes. */
const SIZES = [1, 3, 5];

/** Other stations are wanted: one more, one less, another one, or as many as a size has. */
const membershipChange = (group: LogGroup): FaultKind => ({
  name: "membership",
  strike(world, chance) {
    // Nobody is voted out while another's storage is lost: too few might be left.
    if (!group.isIntact) return undefined;
    const wanted = [...group.wanted];
    const others = chance.shuffled(group.names.filter((name) => !group.wanted.has(name)));
    const next = new Set(wanted);
    const dice = chance.below(4);
    const [victim] = chance.shuffled(wanted);
    const [comer] = others;
    if (dice === 0 && comer !== undefined) next.add(comer);
    else if (dice === 1 && victim !== undefined && wanted.length > 1) next.delete(victim);
    else if (dice === 2 && victim !== undefined && comer !== undefined) {
      next.delete(victim);
      next.add(comer);
    } else {
      const size = Math.min(chance.pick(SIZES) ?? 3, group.names.length);
      for (const name of chance.shuffled(wanted)) if (next.size > size) next.delete(name);
      for (const name of others) if (next.size < size) next.add(name);
    }
    group.wanted = next;
    world.note(`wanted: ${[...next].join(" ")}`);
    return () => undefined;
  },
});

export interface LogModelOptions extends Partial<LogGroupOptions> {
  /** Only these kinds of fault, by name. */
  readonly kinds?: readonly string[];
  readonly safetyMs?: number;
  readonly faultEveryMs?: number;
  readonly faultLastsMsMax?: number;
  readonly livenessMs?: number;
}

/** The log under every fault there is, with stations and clients of which a minority, or all, may be down at a time. */
export const logModel = (options: LogModelOptions = {}): Model => ({
  name: "log",
  build(world): ModelRun {
    const chance = world.chance.fork("group");
    const founders = options.founders ?? chance.pick([1, 3, 3, 3, 5]) ?? 3;
    const stations = options.stations ?? Math.max(founders, chance.pick([3, 4, 5]) ?? 3);
    const group = new LogGroup(world, { clients: 3, ...options, founders, stations });
    const machines = [...group.names, ...group.clients.map(({ machine }) => machine.name)];
    const targets = {
      get processes() {
        return [...group.stations, ...group.clients];
      },
      machines,
    };
    const kinds = [
      ...everyFault(targets, group.names),
      ...everyDamage(() => group.damageable),
      fullDisk({ machines: group.names }),
      membershipChange(group),
    ];
    return {
      columns: machines,
      faults: kinds.filter(({ name }) => options.kinds?.includes(name) ?? true),
      faultEveryMs: options.faultEveryMs ?? 700,
      faultLastsMsMax: options.faultLastsMsMax ?? 3_000,
      safetyMs: options.safetyMs ?? 20_000,
      livenessMs: options.livenessMs ?? 30_000,
      calm() {
        group.isCalling = false;
        for (const { instance } of group.clients)
          instance?.call({ op: "append", key: "k1", element: instance.newElement() });
      },
      isConverged: () => group.waiting === 0 && group.isEven,
      lacking: () => group.describe(),
      get operations() {
        return group.history.called;
      },
    };
  },
});
