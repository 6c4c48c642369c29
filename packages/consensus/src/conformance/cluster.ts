import type { Consensus, ConsensusInput } from "../consensus.ts";
import type { MemberId } from "../ids.ts";
import { createMembership } from "../membership.ts";
import { Chance } from "./chance.ts";
import { Disk } from "./disk.ts";
import { FreshReads } from "./fresh-reads.ts";
import { bytesOf, Ledger } from "./ledger.ts";
import { Life, type MemberPorts } from "./member.ts";
import { type Faults, Network, SLOW_DISK_FACTOR } from "./network.ts";
import { Schedule } from "./schedule.ts";

/** Makes the core of one life of one member. `found`, the records of earlier lives, will be restored into it. */
export type MakeCore = (self: MemberId, found: readonly Uint8Array[]) => Consensus;

export interface ClusterOptions {
  readonly make: MakeCore;
  /** Who founds the group. */
  readonly members: readonly MemberId[];
  readonly seed: number;
  /** Clocks run fast or slow by up to this share. */
  readonly clockRateError?: number;
  /** A member's first disk; what it becomes by a crash is its own business. */
  readonly disk?: () => Disk;
  /** Sees each message as it leaves a member, never those that wait for durability. May throw. */
  readonly onSent?: (from: MemberId, to: MemberId | "all", bytes: Uint8Array) => void;
  /** Last line of a failure: the command that repeats it. */
  readonly replay?: string;
}

/** A promise that was broken, or progress that was not made. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
}

interface Place {
  disk: Disk;
  life: Life | undefined;
  /** What the member's applied state holds for certain. */
  applied: number;
  readonly clockRate: number;
  readonly isFounder: boolean;
}

/**
 * Some members of one group in one process, in virtual time, from one seed: with disks that lose what was not flushed,
 * and a network that loses, repeats, delays and reorders. Agreement, validity and integrity are checked at each delivery.
 */
export class Cluster {
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly #options: ClusterOptions;
  readonly reads = new FreshReads();
  readonly #schedule = new Schedule();
  readonly #network: Network;
  readonly #places = new Map<MemberId, Place>();
  readonly #ports: MemberPorts;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.ledger = new Ledger(createMembership(options.members));
    this.chance = new Chance(options.seed);
    this.#network = new Network(this.#schedule, this.chance, (from, to, bytes) => this.deliver(from, to, bytes));
    this.#ports = {
      schedule: this.#schedule,
      chance: this.chance,
      flushMsMax: (by) => {
        const { flushMsMax, slowDisk } = this.#network.faults;
        return by === slowDisk ? SLOW_DISK_FACTOR * flushMsMax : flushMsMax;
      },
      leave: (from, to, bytes) => this.#leave(from, to, bytes),
      delivered: (by, number, value, membership) => this.ledger.delivered(by, number, value, membership),
      snapshot: (by, from) => this.#snapshot(by, from),
      confirmed: (by, token, number) => this.reads.answered(by, token, number),
    };
    for (const id of this.ledger.membership.members) this.#place(id, true);
  }

  /** All there are: founders, and those who came later, members or not. */
  get members(): readonly MemberId[] {
    return [...this.#places.keys()];
  }

  /** Starts a member that has nothing and knows nobody: it learns, and may be voted in. */
  join(id: MemberId): void {
    this.#place(id, false);
  }

  /** Its storage is gone for good, and it with it. */
  wipe(id: MemberId): void {
    this.kill(id);
    this.#places.delete(id);
  }

  /** Asks a leader to have `members` decide from now on. False when there is none that takes it. */
  reconfigure(members: readonly MemberId[]): boolean {
    const { leader } = this;
    if (leader === undefined || this.life(leader)?.core.canPropose !== true) return false;
    this.input(leader, { kind: "reconfigure", members });
    return true;
  }

  /** A read comes to `id`. Whatever it is answered must not be of the past. */
  read(id: MemberId): void {
    const token = this.reads.ask(id, this.ledger.highest);
    this.input(id, { kind: "confirm", token });
  }

  /** What `id` has applied is durable, and its log may be cut there. */
  trim(id: MemberId): void {
    const place = this.#at(id);
    if (place.life === undefined) return;
    place.applied = place.life.delivered;
    this.input(id, { kind: "trim", through: place.applied });
  }

  /** The applied state of a member that is down is lost, its journal is not. */
  loseState(id: MemberId): void {
    this.#at(id).applied = 0;
  }

  get nowMs(): number {
    return this.#schedule.nowMs;
  }

  set faults(faults: Faults) {
    this.#network.faults = faults;
  }

  /** Undefined while the member is down. */
  life(id: MemberId): Life | undefined {
    return this.#places.get(id)?.life;
  }

  disk(id: MemberId): Disk {
    return this.#at(id).disk;
  }

  get alive(): readonly MemberId[] {
    return this.members.filter((id) => this.life(id) !== undefined);
  }

  /** Of those that take themselves for the leader, the one with the most delivered. */
  get leader(): MemberId | undefined {
    const leaders = this.alive.filter((id) => this.life(id)?.core.status.role === "leader");
    return leaders.sort((a, b) => this.delivered(b) - this.delivered(a))[0];
  }

  delivered(id: MemberId): number {
    return this.life(id)?.delivered ?? 0;
  }

  /** Power is cut: what was not durable is lost. Some of what was delivered stays applied. */
  kill(id: MemberId): void {
    const place = this.#at(id);
    if (place.life === undefined) return;
    place.life.kill();
    place.applied += this.chance.below(Math.max(0, place.life.delivered - place.applied) + 1);
    place.disk = place.disk.crashed(this.chance);
    place.life = undefined;
  }

  /** Starts a member from its disk, after a kill if it runs. */
  restart(id: MemberId): void {
    this.kill(id);
    const place = this.#at(id);
    this.#guard(() => {
      const core = this.#options.make(id, place.disk.records);
      const founding = place.isFounder ? this.ledger.membershipAfter(0) : undefined;
      const { disk, applied, clockRate } = place;
      place.life = new Life({ id, core, disk, applied, clockRate, founding }, this.#ports);
    });
  }

  /** Only members of one group hear each other. Replaces earlier cuts. */
  partition(...groups: readonly (readonly MemberId[])[]): void {
    this.#network.heal();
    const groupOf = (id: MemberId): number => groups.findIndex((group) => group.includes(id));
    for (const from of this.members)
      for (const to of this.members) if (groupOf(from) !== groupOf(to)) this.#network.cut(from, to);
  }

  /** One direction only, added to what is cut already. */
  cut(from: MemberId, to: MemberId): void {
    this.#network.cut(from, to);
  }

  heal(): void {
    this.#network.heal();
  }

  /** Any input to one member, as if the world had brought it. */
  input(id: MemberId, input: ConsensusInput): void {
    if (input.kind === "propose") this.ledger.proposed(input.value);
    this.#guard(() => this.life(id)?.input(input));
  }

  /** Hands a message to a member at once, past the network. */
  deliver(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    this.life(to)?.input({ kind: "message", from, bytes });
  }

  /** Proposes at the leader. False when there is none that takes it. Nothing is promised of the value's fate. */
  propose(text: string): boolean {
    const leader = this.leader;
    if (leader === undefined || this.life(leader)?.core.canPropose !== true) return false;
    this.input(leader, { kind: "propose", value: bytesOf(text) });
    return true;
  }

  /** Proposes until somebody delivers the value; it may be decided more than once. */
  decide(text: string, withinMs: number): void {
    let nextMs = this.nowMs;
    this.until(
      () => {
        if (this.ledger.has(text)) return true;
        if (this.nowMs >= nextMs) nextMs = this.nowMs + (this.propose(text) ? withinMs / 8 : 1);
        return false;
      },
      withinMs,
      `${JSON.stringify(text)} decided`,
    );
  }

  runFor(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#step(untilMs));
  }

  /** Goes on until `condition` holds. Throws with each member's state when it does not within `withinMs`. */
  until(condition: () => boolean, withinMs: number, what: string): void {
    const untilMs = this.nowMs + withinMs;
    while (!condition()) if (!this.#step(untilMs)) throw this.failure(`not within ${withinMs} ms: ${what}`);
  }

  /** Seed first, then what is wrong and how everybody stands, the command that repeats it last. */
  failure(message: string, cause?: unknown): ClusterError {
    const lines = [`seed ${this.#options.seed}, at ${this.nowMs.toFixed(1)} ms: ${message}`, ...this.#stateLines()];
    if (this.#options.replay !== undefined) lines.push(`again: ${this.#options.replay}`);
    return new ClusterError(lines.join("\n"), { cause });
  }

  #step(untilMs: number): boolean {
    return this.#guard(() => this.#schedule.step(untilMs));
  }

  /** Whatever is thrown below comes out with the seed and the state of everybody. */
  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw this.failure(error instanceof Error ? error.message : String(error), error);
    }
  }

  #stateLines(): string[] {
    return [...this.#places].map(([id, { life, disk }]) => {
      const stored = `disk ${disk.first} … ${disk.durable}/${disk.written}`;
      if (life === undefined) return `  ${id} down, ${stored}`;
      const { role, leader, membership, ballot, chosen, knownChosen, inFlight, disowned } = life.core.status;
      const legislature = `legislature ${membership?.legislature ?? "unknown"} (${membership?.members.join() ?? ""})`;
      const why = [...disowned].map(([whom, text]) => `\n    disowns ${whom}: ${text}`).join("");
      return `  ${id} ${role} of ${leader ?? "nobody"}, ${legislature}, ballot ${ballot}, chosen ${chosen} of ${knownChosen}, in flight ${inFlight}, delivered ${life.delivered}, ${stored}${why}`;
    });
  }

  #leave(from: MemberId, to: MemberId | "all", bytes: Uint8Array): void {
    this.#options.onSent?.(from, to, bytes);
    // A message to all comes back to its sender too, as on a bus.
    for (const member of to === "all" ? this.members : [to]) this.#network.send(from, member, bytes);
  }

  #at(id: MemberId): Place {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`no member ${id}: there are ${this.members.join(", ")}`);
    return place;
  }

  #place(id: MemberId, isFounder: boolean): void {
    const disk = (isFounder && this.#options.disk?.()) || new Disk();
    const { clockRateError = 0 } = this.#options;
    const clockRate = 1 + (clockRateError === 0 ? 0 : (2 * this.chance.fraction() - 1) * clockRateError);
    this.#places.set(id, { disk, life: undefined, applied: 0, clockRate, isFounder });
    this.restart(id);
  }

  /** What `from` has delivered, taken over by `by` for good. */
  #snapshot(by: MemberId, from: MemberId): ReturnType<MemberPorts["snapshot"]> {
    const number = this.delivered(from);
    const place = this.#at(by);
    if (this.life(from) === undefined || number < this.delivered(by)) return undefined;
    place.applied = number;
    return { number, membership: this.ledger.membershipAfter(number) };
  }
}
