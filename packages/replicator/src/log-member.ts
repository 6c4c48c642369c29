import type { Consensus, MemberId } from "@halon/consensus";
import {
  Applier,
  type Command,
  decodeSubmit,
  encodeReply,
  LogCodecError,
  type LogInput,
  type LogOutput,
  type Outcome,
  ReplicatedLog,
  type StateMachine,
} from "@halon/replicated-log";
import {
  type Clock,
  Driver,
  type DriverOutput,
  fraction,
  type Journal,
  type JournalRecord,
  type Random,
  type Store,
  StoreError,
} from "@halon/runtime";
import { ApplyGate } from "./apply-gate.ts";

export interface LogMemberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly store: Store;
  /** Sends a message of the group to one other member, or to all others. */
  readonly send: (to: MemberId | "all", bytes: Uint8Array) => void;
}

export interface LogMemberOptions {
  readonly self: MemberId;
  /** Fresh: it has not taken any input. */
  readonly consensus: Consensus;
  readonly machine: StateMachine;
  readonly onLeader?: (leader: MemberId | undefined) => void;
  /** After a decree was applied here. */
  readonly onApplied?: (number: number) => void;
}

/** Submissions without a reply; further ones are answered `busy`. */
const SUBMISSIONS_MAX = 16_384;
/** Decrees that may wait for the disk of the store. Further ones end this member: it starts again and learns them then. */
const HELD_MAX = 262_144;
const READ_BYTES = 64 * 1024;
const RESTORE_BYTES = 8 * 1024 * 1024;

type Perform = Exclude<LogOutput, DriverOutput>;
type Applying = Extract<Perform, { kind: "apply" | "read" }>;

/** One member of a replication group: binds the log's core and the state machine to clock, journal, store and network. */
export class LogMember {
  readonly #ports: LogMemberPorts;
  readonly #options: LogMemberOptions;
  readonly #log: ReplicatedLog;
  readonly #applier: Applier;
  readonly #driver: Driver<LogInput, Perform & { readonly afterPersist?: boolean }>;
  readonly #replies = new Map<number, (outcomes: readonly Outcome[]) => void>();
  readonly #gate: ApplyGate;
  /** In order. Invariant: empty while the gate is open. */
  #held: Applying[] = [];
  #token = 0;
  #malformed = 0;

  constructor(options: LogMemberOptions, ports: LogMemberPorts) {
    this.#ports = ports;
    this.#options = options;
    this.#log = new ReplicatedLog(options.consensus, { self: options.self });
    this.#applier = new Applier(ports.store, options.machine);
    this.#gate = new ApplyGate(ports.store, () => this.#applyHeld());
    const { clock, random, journal } = ports;
    this.#driver = new Driver({ core: this.#log, clock, random, journal, perform: (output) => this.#perform(output) });
  }

  /** Takes up its earlier life from the journal, then begins. */
  start(): void {
    const { journal, clock, random } = this.#ports;
    for (let seq = 1; seq <= journal.writtenSeq; ) {
      const records = journal.read(seq, RESTORE_BYTES);
      for (const { bytes } of records) this.#log.step({ kind: "restore", record: bytes }, clock.nowMs());
      seq += records.length;
    }
    this.#driver.submit({ kind: "start", applied: this.#applier.applied, random: fraction(random) });
  }

  get status(): ReplicatedLog["status"] & {
    readonly applied: number;
    readonly logTimeMs: number;
    readonly dropped: number;
  } {
    const { applied, logTimeMs } = this.#applier;
    return { ...this.#log.status, applied, logTimeMs, dropped: this.#driver.refused + this.#malformed };
  }

  /** A message of the group. Of unknown quality: what cannot be read is counted and dropped. */
  receive(from: MemberId, bytes: Uint8Array): void {
    this.#driver.submit({ kind: "message", from, bytes });
  }

  /** A submission as a client sent it; `reply` is called once, with what to send back, unless the bytes mean nothing. */
  submit(submission: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    try {
      this.submitCommands(decodeSubmit(submission), (outcomes) => reply(encodeReply(outcomes)));
    } catch (error) {
      if (!(error instanceof LogCodecError)) throw error;
      this.#malformed++;
    }
  }

  submitCommands(commands: readonly Command[], reply: (outcomes: readonly Outcome[]) => void): void {
    const token = ++this.#token;
    const isTaken = this.#replies.size < SUBMISSIONS_MAX && this.#driver.submit({ kind: "submit", token, commands });
    if (isTaken) this.#replies.set(token, reply);
    else reply(commands.map(() => ({ kind: "busy" })));
  }

  /** Answers from the state as applied here, which may be of the past. */
  query(payload: Uint8Array): Uint8Array {
    return this.#applier.query(payload);
  }

  stop(): void {
    this.#driver.stop();
    this.#replies.clear();
    this.#held = [];
  }

  #perform(output: Perform): void {
    switch (output.kind) {
      case "send":
        if (output.to === this.#options.self)
          this.#driver.complete({ kind: "message", from: this.#options.self, bytes: output.bytes });
        else this.#ports.send(output.to, output.bytes);
        return;
      case "apply":
      case "read":
        return this.#gate.isOpen ? this.#advance(output) : this.#hold(output);
      case "reply": {
        const reply = this.#replies.get(output.token);
        this.#replies.delete(output.token);
        reply?.(output.outcomes);
        return;
      }
      case "leader":
        this.#options.onLeader?.(output.leader);
        return;
      default:
        output satisfies never;
    }
  }

  /** Reads too: what is read from the journal is to be applied, so that nothing is read ahead of the disk. */
  #hold(output: Applying): void {
    if (this.#held.length >= HELD_MAX)
      throw new StoreError("busy", `${HELD_MAX} decrees wait for the disk of the store`);
    this.#held.push(output);
  }

  #applyHeld(): void {
    const held = this.#held;
    let count = 0;
    while (count < held.length && this.#gate.isOpen) this.#advance(held[count++] as Applying);
    // Stopped meanwhile, all is forgotten.
    if (this.#held === held) this.#held = held.slice(count);
  }

  #advance(output: Applying): void {
    if (output.kind === "read") {
      return this.#driver.complete({ kind: "records", token: output.token, records: this.#read(output.seqs) });
    }
    const { number, decree } = output;
    const outcomes = this.#applier.apply(number, decree);
    this.#gate.note(decree);
    this.#driver.complete({ kind: "applied", number, outcomes });
    this.#options.onApplied?.(number);
  }

  /** Seqs that follow each other, as they mostly do, are read together. */
  #read(seqs: readonly number[]): readonly Uint8Array[] {
    let piece: readonly JournalRecord[] = [];
    return seqs.map((seq) => {
      const first = piece[0]?.seq ?? seq;
      if (piece[seq - first] === undefined) piece = this.#ports.journal.read(seq, READ_BYTES);
      const record = piece[seq - (piece[0]?.seq ?? seq)];
      if (record?.seq !== seq)
        throw new Error(`journal record ${seq} is gone: the journal was cut behind this member's back`);
      return record.bytes;
    });
  }
}
