import type { LogOutput } from "@halon/replicated-log";
import type { Clock, Journal, JournalRecord, Store } from "@halon/runtime";
import { ApplyGate } from "./apply-gate.ts";

/** Decrees that may wait, and bytes of their commands. Further ones are forgotten, and asked for again later. */
const HELD_MAX = 65_536;
const HELD_BYTES_MAX = 256 * 1024 * 1024;
/** Commands applied, and bytes of them, before other work of the process gets its turn. */
const TURN_COMMANDS_MAX = 1_024;
const TURN_BYTES_MAX = 512 * 1024;
const READ_BYTES = 64 * 1024;

type Apply = LogOutput & { readonly kind: "apply" };
type Read = LogOutput & { readonly kind: "read" };

export interface ApplyQueuePorts {
  readonly clock: Clock;
  readonly store: Pick<Store, "flush">;
  readonly journal: Pick<Journal, "read" | "writtenSeq" | "durableSeq">;
  readonly apply: (output: Apply) => void;
  readonly records: (token: number, records: readonly Uint8Array[]) => void;
  /** Decrees were forgotten: have all that are not applied delivered again, and call {@link ApplyQueue.resume} just before. */
  readonly rewind: () => void;
}

/**
 * Decrees to apply, in order: no faster than the store's disk takes them, and never so many at a stretch that the process
 * does nothing else. Reads of the journal wait in the same queue: what is read is to be applied, so that nothing is read
 * ahead of the disk.
 */
export class ApplyQueue {
  readonly #ports: ApplyQueuePorts;
  readonly #heldMax: number;
  readonly #gate: ApplyGate;
  /** In order; those before `#next` are done. Invariant: nothing waits but for the disk or a turn that was asked for. */
  #held: (Apply | Read)[] = [];
  #next = 0;
  #heldBytes = 0;
  #turnCommands = 0;
  #turnBytes = 0;
  #turnEnds = false;
  /** `forgotten`: since something was, all is. `asked`: to have it delivered again. */
  #overrun: "no" | "forgotten" | "asked" = "no";

  constructor(ports: ApplyQueuePorts, heldMax = HELD_MAX) {
    this.#ports = ports;
    this.#heldMax = heldMax;
    this.#gate = new ApplyGate(ports.store, () => this.#drain());
  }

  get held(): number {
    return this.#held.length - this.#next;
  }

  push(output: Apply | Read): void {
    if (output.kind === "apply") {
      if (this.#overrun !== "no") return;
      if (this.held >= this.#heldMax || this.#heldBytes > HELD_BYTES_MAX) {
        this.#overrun = "forgotten";
        return;
      }
    }
    if (this.held === 0 && this.#isOpen && !this.#isFlushDue) return this.#advance(output);
    this.#heldBytes += bytesOf(output);
    this.#held.push(output);
    if (this.#isOpen) this.#askTurn();
  }

  /** Forgets what is to be applied; reads are answered, as their asker waits for that. */
  drop(): void {
    const left = this.#held.slice(this.#next);
    this.stop();
    for (const output of left) if (output.kind === "read") this.#advance(output);
  }

  /** What comes from now on follows what is applied. */
  resume(): void {
    this.#overrun = "no";
  }

  /** Forgets all. */
  stop(): void {
    this.#held = [];
    this.#next = 0;
    this.#heldBytes = 0;
  }

  /** Others wait for what this turn persists and sends, which leaves when the turn ends; nobody waits for this one to apply as long. */
  get #isFlushDue(): boolean {
    const { durableSeq, writtenSeq } = this.#ports.journal;
    return durableSeq < writtenSeq;
  }

  get #isOpen(): boolean {
    return this.#gate.isOpen && this.#turnCommands < TURN_COMMANDS_MAX && this.#turnBytes < TURN_BYTES_MAX;
  }

  #drain(): void {
    while (this.held > 0 && this.#isOpen) {
      const output = this.#held[this.#next++] as Apply | Read;
      this.#heldBytes -= bytesOf(output);
      this.#advance(output);
    }
    if (this.#next > this.#held.length / 2) {
      this.#held = this.#held.slice(this.#next);
      this.#next = 0;
    }
    if (this.#overrun !== "forgotten" || this.held > 0 || !this.#isOpen) return;
    this.#overrun = "asked";
    this.#ports.rewind();
  }

  #advance(output: Apply | Read): void {
    if (output.kind === "read") return this.#ports.records(output.token, this.#read(output.seqs));
    this.#gate.note(output.decree);
    this.#turnCommands += output.decree.commands.length + 1;
    this.#turnBytes += bytesOf(output);
    this.#askTurn();
    this.#ports.apply(output);
  }

  #askTurn(): void {
    if (this.#turnEnds) return;
    const { clock } = this.#ports;
    this.#turnEnds = true;
    clock.at(clock.nowMs(), () => {
      this.#turnEnds = false;
      this.#turnCommands = 0;
      this.#turnBytes = 0;
      this.#drain();
    });
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

function bytesOf(output: Apply | Read): number {
  if (output.kind === "read") return 0;
  let bytes = 0;
  for (const { payload } of output.decree.commands) bytes += payload.byteLength;
  return bytes;
}
