import type { FaultKind, FaultTargets } from "./fault.ts";

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
  name: "halves",
  strike(world, chance) {
    const machines = chance.shuffled(targets.machines);
    if (machines.length < 2) return undefined;
    const size = 1 + chance.below(machines.length - 1);
    const [one, other] = [machines.slice(0, size), machines.slice(size)];
    world.note(`split ${one.join(" ")} | ${other.join(" ")}`);
    return world.network.partition(one, other);
  },
});

/** Each machine hears a majority, itself included, and no two of them the same one, as far as that is possible. */
export const ring = (members: readonly string[]): FaultKind => ({
  name: "majority-ring",
  strike(world, chance) {
    const machines = chance.shuffled(members);
    const count = machines.length;
    if (count < 4) return undefined;
    // Neighbours within this distance on the ring hear each other.
    const reach = Math.ceil(Math.floor(count / 2) / 2);
    world.note(`ring of ${machines.join(" ")}`);
    const cuts = machines.flatMap((one, at) =>
      machines.flatMap((other, otherAt) => {
        const apart = Math.abs(at - otherAt);
        return otherAt > at && Math.min(apart, count - apart) > reach ? [world.network.partition([one], [other])] : [];
      }),
    );
    return () => {
      for (const end of cuts) end();
    };
  },
});

export const loss = (): FaultKind => ({
  name: "loss",
  strike(world, chance) {
    const share = chance.between(0.01, 0.3);
    world.note(`of the messages ${(100 * share).toFixed(0)} % are lost`);
    return world.network.setWeather({ loss: share });
  },
});

export const duplication = (): FaultKind => ({
  name: "duplication",
  strike(world, chance) {
    const share = chance.between(0.01, 0.5);
    world.note(`of the messages ${(100 * share).toFixed(0)} % come twice`);
    return world.network.setWeather({ duplication: share });
  },
});

/** Each message takes a time of its own, so that they overtake each other. */
export const delay = (): FaultKind => ({
  name: "reordering",
  strike(world, chance) {
    const delayMsMax = chance.between(1, 400);
    world.note(`messages take up to ${delayMsMax.toFixed(0)} ms`);
    return world.network.setWeather({ delayMsMax });
  },
});

/** The broker no longer reaches a machine, which notices. */
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
