import type { Consensus, ConsensusInput, ConsensusOutput } from "../consensus.ts";
import type { MemberId } from "../ids.ts";
import type { Membership } from "../membership.ts";
import type { Chance } from "./chance.ts";
import type { Disk } from "./disk.ts";
import type { Schedule } from "./schedule.ts";

type Send = ConsensusOutput & { kind: "send" | "trimmed" };

/** What a member reaches the rest of the cluster by. */
export interface MemberPorts {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly flushMsMax: (by: MemberId) => number;
  /** A message leaves. Never to itself. */
  readonly leave: (from: MemberId, to: MemberId | "all", bytes: Uint8Array) => void;
  readonly delivered: (by: MemberId, number: number, value: Uint8Array, membership?: Membership) => void;
  /** A member may take over what `from` has applied; undefined when that is not to be had. */
  readonly snapshot: (by: MemberId, from: MemberId) => { number: number; membership: Membership } | undefined;
  readonly confirmed: (by: MemberId, token: number, number: number | undefined) => void;
}

export interface LifeOptions {
  readonly id: MemberId;
  readonly core: Consensus;
  readonly disk: Disk;
  /** What the applied state holds at the start. */
  readonly applied: number;
  /** Milliseconds of its clock per true one. */
  readonly clockRate: number;
  /** Present when it founds the group. */
  readonly founding: Membership | undefined;
}

/** One life of one member: runs a core over a disk until it is killed, in virtual time. */
export class Life {
  readonly id: MemberId;
  readonly core: Consensus;
  readonly disk: Disk;
  readonly #ports: MemberPorts;
  readonly #clockRate: number;
  readonly #timers = new Map<string, () => void>();
  /** Waiting for durability, in order. */
  readonly #held: { readonly seq: number; readonly output: Send }[] = [];
  #isAlive = true;
  #isFlushing = false;
  #isInstalling = false;
  #pausedUntilMs = 0;
  #delivered: number;
  #proposed: number | undefined;

  constructor({ id, core, disk, applied, clockRate, founding }: LifeOptions, ports: MemberPorts) {
    this.id = id;
    this.core = core;
    this.disk = disk;
    this.#ports = ports;
    this.#clockRate = clockRate;
    this.#delivered = applied;
    if (disk.records.length === 0 && founding !== undefined) this.#step({ kind: "found", membership: founding });
    for (const [at, record] of disk.records.slice().entries())
      this.#step({ kind: "restore", record, seq: disk.first + at });
    this.#step({ kind: "start", applied, random: ports.chance.fraction() });
  }

  /** Last decree delivered in this life, or applied in an earlier one. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Number under which the newest value that was taken here is in flight. */
  get proposed(): number | undefined {
    return this.#proposed;
  }

  input(input: ConsensusInput): void {
    if (!this.#isAlive) return;
    const { schedule } = this.#ports;
    if (schedule.nowMs < this.#pausedUntilMs) schedule.at(this.#pausedUntilMs, () => this.input(input));
    else this.#step(input);
  }

  /** Nothing happens here for so long; what comes meanwhile is taken then, in order. Its clock goes on. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#ports.schedule.nowMs + ms);
  }

  kill(): void {
    this.#isAlive = false;
    for (const cancel of this.#timers.values()) cancel();
  }

  /** What this member's clock says. */
  get #nowMs(): number {
    return this.#ports.schedule.nowMs * this.#clockRate;
  }

  #later(afterMs: number, action: () => void): void {
    const act = (): void => {
      if (!this.#isAlive) return;
      if (this.#ports.schedule.nowMs < this.#pausedUntilMs) this.#ports.schedule.at(this.#pausedUntilMs, act);
      else action();
    };
    this.#ports.schedule.at(this.#ports.schedule.nowMs + afterMs, act);
  }

  #step(input: ConsensusInput): void {
    for (const output of this.core.step(input, this.#nowMs)) this.#perform(output);
    this.#flush();
  }

  #perform(output: ConsensusOutput): void {
    switch (output.kind) {
      case "persist":
        return this.disk.append(output.record);
      case "send":
      case "trimmed":
        if (output.afterPersist && this.disk.durable < this.disk.written)
          this.#held.push({ seq: this.disk.written, output });
        else this.#send(output);
        return;
      case "decided":
        return this.#deliver(output);
      case "read": {
        const records = output.seqs.map((seq) => this.disk.read(seq));
        return this.#later(0, () => this.#step({ kind: "records", token: output.token, records }));
      }
      case "behind":
        return this.#install(output.from);
      case "confirmed":
        return this.#ports.confirmed(this.id, output.token, output.number);
      case "unconfirmed":
        return this.#ports.confirmed(this.id, output.token, undefined);
      case "timer":
        return this.#setTimer(output.name, output.atMs);
      case "proposed":
        this.#proposed = output.number;
        return;
      case "leader":
        return;
      default:
        return output satisfies never;
    }
  }

  #send(output: Send): void {
    if (output.kind === "trimmed") return this.disk.trim(output.beforeSeq, this.#ports.chance);
    const { to, bytes } = output;
    if (to === this.id) this.#later(0, () => this.#step({ kind: "message", from: to, bytes }));
    else this.#ports.leave(this.id, to, bytes);
  }

  #deliver({ number, value, membership }: ConsensusOutput & { kind: "decided" }): void {
    if (this.#isInstalling) throw new Error(`integrity: ${this.id} delivers decree ${number} while it is behind`);
    if (number !== this.#delivered + 1)
      throw new Error(`integrity: ${this.id} delivers decree ${number} after ${this.#delivered}`);
    this.#delivered = number;
    this.#ports.delivered(this.id, number, value, membership);
  }

  /** Takes over a peer's state, after a while; another try is made when it is asked for again. */
  #install(from: MemberId): void {
    if (this.#isInstalling) return;
    this.#isInstalling = true;
    this.#later(this.#ports.chance.latencyMs(20), () => {
      this.#isInstalling = false;
      const snapshot = this.#ports.snapshot(this.id, from);
      if (snapshot === undefined || snapshot.number < this.#delivered) return;
      this.#delivered = snapshot.number;
      this.#step({ kind: "install", ...snapshot });
    });
  }

  #setTimer(name: string, atMs: number | undefined): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (atMs === undefined) return;
    const fire = (): void => {
      this.#timers.delete(name);
      this.input({ kind: "timer", name, random: this.#ports.chance.fraction() });
    };
    // Never early by rounding.
    this.#timers.set(name, this.#ports.schedule.at(atMs / this.#clockRate + 1e-6, fire));
  }

  /** One flush at a time; what is written meanwhile waits for the next. */
  #flush(): void {
    if (this.#isFlushing || this.disk.durable >= this.disk.written) return;
    this.#isFlushing = true;
    const seq = this.disk.written;
    this.#later(this.#ports.chance.latencyMs(this.#ports.flushMsMax(this.id)), () => {
      this.#isFlushing = false;
      this.disk.flushed(seq);
      while (this.#held[0] !== undefined && this.#held[0].seq <= this.disk.durable)
        this.#send((this.#held.shift() as { output: Send }).output);
      this.#flush();
    });
  }
}
