import { type MemberId, memberName } from "../ids.ts";
import type { Cluster } from "./cluster.ts";
import { type Faults, NO_FAULTS } from "./network.ts";

export interface StormOptions {
  /** Blows struck, one after another; each a crash, a restart, a cut, other weather, or some proposals. */
  readonly blows: number;
  /** Longest time between two blows. */
  readonly paceMs: number;
}

/** What a run switches on at all: a fault that is always there hides what others would show. */
interface Swarm {
  readonly crashes: boolean;
  readonly cuts: boolean;
  readonly pauses: boolean;
  readonly trims: boolean;
  readonly reconfigures: boolean;
  readonly weather: Faults;
}

function swarm({ chance, members }: Cluster, paceMs: number): Swarm {
  const sometimes = (value: number): number => (chance.hits(0.6) ? chance.fraction() * value : 0);
  return {
    crashes: chance.hits(0.8),
    cuts: chance.hits(0.6),
    pauses: chance.hits(0.5),
    trims: chance.hits(0.6),
    reconfigures: chance.hits(0.6),
    weather: {
      loss: sometimes(0.3),
      duplication: sometimes(0.5),
      delayMsMax: 0.5 + sometimes(8 * paceMs),
      flushMsMax: 0.5 + sometimes(2 * paceMs),
      ...(chance.hits(0.5) ? { slowDisk: chance.pick(members) as MemberId } : {}),
    },
  };
}

/** Proposes at whoever takes itself for the leader, two of them at the same time included. */
function proposeEverywhere(cluster: Cluster, blow: number): void {
  for (const id of cluster.alive)
    for (let count = 0; count < 3 && cluster.life(id)?.core.canPropose; count++) {
      const value = new TextEncoder().encode(`${blow}.${count} by ${id}`);
      cluster.input(id, { kind: "propose", value });
    }
}

/** Reads come to whoever takes itself for the leader. */
function readEverywhere(cluster: Cluster): void {
  for (const id of cluster.alive) if (cluster.life(id)?.core.status.role === "leader") cluster.read(id);
}

/** Members that a group has at most in a storm. */
const MEMBERS_MAX = 5;

/** Somebody comes, goes, or is replaced by the next incarnation: its storage is lost, or only said to be. */
function reconfigure(cluster: Cluster): void {
  const { chance, ledger } = cluster;
  const { members } = ledger.membership;
  const learners = cluster.members.filter((id) => !members.includes(id));
  const newcomer = learners.at(-1);
  if (newcomer === undefined || learners.length < 2) {
    const name = String.fromCharCode(97 + chance.below(MEMBERS_MAX));
    const incarnation = cluster.members.filter((id) => memberName(id) === name).length + 1;
    const id = `${name}.${incarnation}n${cluster.nowMs.toFixed(0)}`;
    return cluster.join(id);
  }
  const others = members.filter((id) => memberName(id) !== memberName(newcomer));
  const isCaughtUp = cluster.delivered(newcomer) >= ledger.highest - 10;
  const kind = chance.below(3);
  if (kind === 0 && isCaughtUp && others.length < MEMBERS_MAX) cluster.reconfigure([...others, newcomer]);
  else if (kind === 1 && members.length > 1) {
    const leaver = chance.pick(members);
    cluster.reconfigure(members.filter((id) => id !== leaver));
  } else if (kind === 2 && learners.length > 3) cluster.wipe(learners[0] as MemberId);
}

function split(cluster: Cluster): void {
  const sides: [MemberId[], MemberId[]] = [[], []];
  for (const id of cluster.members) sides[cluster.chance.below(2) as 0 | 1].push(id);
  cluster.partition(...sides);
}

/**
 * The old leader is cut off with values in flight, a new one rises, and then the old one meets, for a while, only members
 * that have just come up again: what they promised to the new one is all that stands between two histories.
 */
function coup(cluster: Cluster, faults: Swarm, { paceMs }: StormOptions, blow: number): void {
  const { chance } = cluster;
  const old = cluster.leader;
  if (old === undefined) return;
  const others = cluster.members.filter((id) => id !== old);
  cluster.partition([old], others);
  proposeEverywhere(cluster, blow);
  const rises = (): boolean =>
    cluster.alive.some((id) => id !== old && cluster.life(id)?.core.status.role === "leader");
  for (let wait = 0; wait < 10 && !rises(); wait++) cluster.runFor(paceMs / 2);
  const woken = others.filter((id) => cluster.life(id)?.core.status.role !== "leader" && chance.hits(0.7));
  if (faults.crashes) for (const id of woken) cluster.restart(id);
  cluster.partition(
    [old, ...woken],
    others.filter((id) => !woken.includes(id)),
  );
  cluster.runFor(chance.fraction() * paceMs);
  cluster.heal();
  proposeEverywhere(cluster, blow);
}

function strike(cluster: Cluster, faults: Swarm, options: StormOptions, blow: number): void {
  const { chance } = cluster;
  const someone = chance.pick(cluster.members) as MemberId;
  const kind = chance.below(22);
  if (kind === 0 && faults.crashes) cluster.kill(someone);
  else if (kind <= 2 && faults.crashes) cluster.restart(someone);
  else if (kind === 3 && faults.cuts) split(cluster);
  else if (kind === 4 && faults.cuts) cluster.cut(someone, chance.pick(cluster.members) as MemberId);
  else if (kind === 5) cluster.heal();
  else if (kind === 6) cluster.faults = chance.hits(0.5) ? faults.weather : NO_FAULTS;
  else if (kind <= 8 && faults.crashes) cluster.restart(cluster.leader ?? someone);
  else if (kind <= 10 && faults.cuts) coup(cluster, faults, options, blow);
  else if (kind === 11 && faults.pauses)
    cluster
      .life(chance.hits(0.5) ? (cluster.leader ?? someone) : someone)
      ?.pause(chance.fraction() * 3 * options.paceMs);
  else if (kind <= 13 && faults.trims) cluster.trim(someone);
  else if (kind <= 15 && faults.reconfigures) reconfigure(cluster);
  else if (kind <= 17) readEverywhere(cluster);
  else proposeEverywhere(cluster, blow);
}

/** Everything goes wrong for a while. Safety is checked all along; progress is not asked for. */
export function storm(cluster: Cluster, options: StormOptions): void {
  const { blows, paceMs } = options;
  const faults = swarm(cluster, paceMs);
  cluster.faults = faults.weather;
  for (let blow = 0; blow < blows; blow++) {
    cluster.runFor(cluster.chance.fraction() * paceMs);
    strike(cluster, faults, options, blow);
  }
}

/** The faults end and all are up: something new must be decided, and everybody must come to know all. */
export function calm(cluster: Cluster, withinMs: number): void {
  cluster.faults = NO_FAULTS;
  cluster.heal();
  for (const id of cluster.members) if (cluster.life(id) === undefined) cluster.restart(id);
  cluster.decide("after the storm", withinMs);
  const isEven = (): boolean => cluster.members.every((id) => cluster.delivered(id) >= cluster.ledger.highest);
  cluster.until(isEven, withinMs, `all have delivered everything, up to ${cluster.ledger.highest}`);
  const { confirmedCount } = cluster.reads;
  const isConfirmed = (): boolean => {
    if (cluster.reads.confirmedCount === confirmedCount && cluster.leader !== undefined) cluster.read(cluster.leader);
    return cluster.reads.confirmedCount > confirmedCount;
  };
  cluster.until(isConfirmed, withinMs, "a read is confirmed");
}
