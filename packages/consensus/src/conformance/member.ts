import type { Consensus, ConsensusInput, ConsensusOutput } from "../consensus.ts";
import type { MemberId } from "../ids.ts";
import type { Chance } from "./chance.ts";
import type { Disk } from "./disk.ts";
import type { Schedule } from "./schedule.ts";

type Send = ConsensusOutput & { kind: "send" };

/** What a member reaches the rest of the cluster by. */
export interface MemberPorts {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly flushMsMax: (by: MemberId) => number;
  /** A message leaves. Never to itself. */
  readonly leave: (from: MemberId, to: MemberId | "all", bytes: Uint8Array) => void;
  readonly delivered: (by: MemberId, number: number, value: Uint8Array) => void;
}

/** One life of one member: runs a core over a disk until it is killed, in virtual time. */
export class Life {
  readonly id: MemberId;
  readonly core: Consensus;
  readonly disk: Disk;
  readonly #ports: MemberPorts;
  readonly #timers = new Map<string, () => void>();
  /** Waiting for durability, in order. */
  readonly #held: { readonly seq: number; readonly output: Send }[] = [];
  #isAlive = true;
  #isFlushing = false;
  #delivered: number;
  #proposed: number | undefined;

  constructor(id: MemberId, core: Consensus, disk: Disk, applied: number, ports: MemberPorts) {
    this.id = id;
    this.core = core;
    this.disk = disk;
    this.#ports = ports;
    this.#delivered = applied;
    for (const record of disk.records) this.#step({ kind: "restore", record });
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
    if (this.#isAlive) this.#step(input);
  }

  kill(): void {
    this.#isAlive = false;
    for (const cancel of this.#timers.values()) cancel();
  }

  #later(afterMs: number, action: () => void): void {
    this.#ports.schedule.at(this.#ports.schedule.nowMs + afterMs, () => {
      if (this.#isAlive) action();
    });
  }

  #step(input: ConsensusInput): void {
    for (const output of this.core.step(input, this.#ports.schedule.nowMs)) this.#perform(output);
    this.#flush();
  }

  #perform(output: ConsensusOutput): void {
    switch (output.kind) {
      case "persist":
        return this.disk.append(output.record);
      case "send":
        if (output.afterPersist && this.disk.durable < this.disk.written)
          this.#held.push({ seq: this.disk.written, output });
        else this.#send(output);
        return;
      case "decided":
        return this.#deliver(output.number, output.value);
      case "read": {
        const records = output.seqs.map((seq) => (this.disk.records[seq - 1] as Uint8Array).slice());
        return this.#later(0, () => this.#step({ kind: "records", token: output.token, records }));
      }
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

  #send({ to, bytes }: Send): void {
    if (to === this.id) this.#later(0, () => this.#step({ kind: "message", from: to, bytes }));
    else this.#ports.leave(this.id, to, bytes);
  }

  #deliver(number: number, value: Uint8Array): void {
    if (number !== this.#delivered + 1)
      throw new Error(`integrity: ${this.id} delivers decree ${number} after ${this.#delivered}`);
    this.#delivered = number;
    this.#ports.delivered(this.id, number, value);
  }

  #setTimer(name: string, atMs: number | undefined): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (atMs === undefined) return;
    const fire = (): void => {
      this.#timers.delete(name);
      this.#step({ kind: "timer", name, random: this.#ports.chance.fraction() });
    };
    this.#timers.set(name, this.#ports.schedule.at(atMs, fire));
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
