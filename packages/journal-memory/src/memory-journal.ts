import { assert, type Clock, type Journal, JournalError, type JournalRecord, RECORD_BYTES_MAX } from "@halon/runtime";
import type { MemoryDisk, OpenJournal } from "./memory-disk.ts";

export interface MemoryJournalOptions {
  readonly disk: MemoryDisk;
  readonly clock: Clock;
  /** How long a flush takes, asked before each one. */
  readonly flushMs: number | (() => number);
  /** `create` needs an unused disk, `existing` a used one. */
  readonly mode: "create" | "existing";
  /** Whose journal it is; another's is refused as `foreign`. */
  readonly identity: string;
  /** Trimming keeps whole groups of so many records, as a journal of files does; 1, the default, trims to the record. */
  readonly segmentRecords?: number;
}

/** Opens the journal of a {@link MemoryDisk}. Throws a JournalError. */
export function openJournalMemory(options: MemoryJournalOptions): Journal {
  return new MemoryJournal(options);
}

class MemoryJournal implements Journal, OpenJournal {
  readonly #disk: MemoryDisk;
  readonly #clock: Clock;
  readonly #flushMs: () => number;
  readonly #segmentRecords: number;
  /** Invariant: record `durableSeq + 1 + i` at index i. */
  #unflushed: Uint8Array[] = [];
  #unflushedBytes = 0;
  /** The disk may still have older ones. Invariant: firstSeq <= durableSeq + 1. */
  #firstSeq: number;
  #durableSeq: number;
  /** Newest record that a flush was asked for. Invariant: durableSeq <= askedSeq <= writtenSeq. */
  #askedSeq: number;
  #flushUnderWay = false;
  #closed = false;
  #failure: JournalError | undefined;
  #onDurable: (durableSeq: number) => void = () => undefined;
  #onFailure: (error: JournalError) => void = () => undefined;

  constructor({ disk, clock, flushMs, mode, identity, segmentRecords }: MemoryJournalOptions) {
    disk.attach(this, mode, identity);
    this.#disk = disk;
    this.#clock = clock;
    this.#flushMs = typeof flushMs === "number" ? () => flushMs : flushMs;
    this.#segmentRecords = segmentRecords ?? 1;
    this.#firstSeq = disk.firstSeq;
    this.#durableSeq = disk.lastSeq;
    this.#askedSeq = this.#durableSeq;
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Of its records; those that are trimmed count until the disk has let go of them. */
  get bytesCount(): number {
    return this.#disk.bytesCount + this.#unflushedBytes;
  }

  get writtenSeq(): number {
    return this.#durableSeq + this.#unflushed.length;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  append(record: Uint8Array): number {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    if (record.length > RECORD_BYTES_MAX)
      throw new JournalError("too-large", `record of ${record.length} bytes: at most ${RECORD_BYTES_MAX} are taken`);
    this.#unflushed.push(Uint8Array.from(record));
    this.#unflushedBytes += record.length;
    return this.writtenSeq;
  }

  flush(): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#askedSeq = this.writtenSeq;
    this.#startFlush();
  }

  onDurable(listener: (durableSeq: number) => void): void {
    this.#onDurable = listener;
  }

  onFailure(listener: (error: JournalError) => void): void {
    this.#onFailure = listener;
  }

  read(fromSeq: number, bytesMax: number): readonly JournalRecord[] {
    this.#assertOpen();
    assert(
      Number.isInteger(fromSeq) && fromSeq >= this.#firstSeq,
      `read from ${fromSeq}: ${this.#firstSeq} is the first`,
    );
    const records: JournalRecord[] = [];
    let bytesCount = 0;
    for (let seq = fromSeq; seq <= this.writtenSeq; seq++) {
      const bytes = this.#recordAt(seq);
      bytesCount += bytes.length;
      if (records.length > 0 && bytesCount > bytesMax) break;
      records.push({ seq, bytes });
    }
    return records;
  }

  /** At once for those who read; the disk lets go as long after as a flush takes, and a crash before that brings them back. */
  trim(beforeSeq: number): void {
    this.#assertOpen();
    assert(
      Number.isInteger(beforeSeq) && beforeSeq >= 1 && beforeSeq <= this.#durableSeq + 1,
      `trim before record ${beforeSeq}: ${this.#durableSeq} are durable`,
    );
    if (this.#failure !== undefined) return;
    const kept = beforeSeq - ((beforeSeq - 1) % this.#segmentRecords);
    if (kept <= this.#firstSeq) return;
    this.#firstSeq = kept;
    this.#clock.at(this.#clock.nowMs() + this.#flushMs(), () => {
      if (!this.#closed && this.#failure === undefined) this.#disk.trim(kept);
    });
  }

  /** Flushes and trims at once, taking no time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === undefined) {
      this.#finishFlush(this.writtenSeq);
      this.#disk.trim(this.#firstSeq);
    }
    this.#closed = true;
    this.#disk.detach(this);
  }

  flushing(): readonly Uint8Array[] {
    return this.#unflushed.slice(0, this.#askedSeq - this.#durableSeq);
  }

  die(): void {
    this.#closed = true;
  }

  #recordAt(seq: number): Uint8Array {
    if (seq <= this.#durableSeq) return this.#disk.read(seq);
    return Uint8Array.from(this.#unflushed[seq - this.#durableSeq - 1] as Uint8Array);
  }

  #assertOpen(): void {
    if (this.#closed) throw new JournalError("closed", "the journal is closed");
  }

  #startFlush(): void {
    if (this.#flushUnderWay || this.#askedSeq === this.#durableSeq) return;
    this.#flushUnderWay = true;
    const untilSeq = this.#askedSeq;
    this.#clock.at(this.#clock.nowMs() + this.#flushMs(), () => {
      this.#flushUnderWay = false;
      if (this.#closed || this.#failure !== undefined) return;
      this.#finishFlush(untilSeq);
      if (!this.#closed && this.#failure === undefined) this.#startFlush();
    });
  }

  #finishFlush(untilSeq: number): void {
    const count = untilSeq - this.#durableSeq;
    if (count === 0) return;
    const records = this.#unflushed.slice(0, count);
    if (!this.#disk.take(records)) {
      this.#failure = new JournalError(
        "io",
        `flush of records up to ${untilSeq} failed: the journal takes nothing more`,
      );
      this.#onFailure(this.#failure);
      return;
    }
    this.#unflushed = this.#unflushed.slice(count);
    for (const { length } of records) this.#unflushedBytes -= length;
    this.#durableSeq = untilSeq;
    this.#askedSeq = Math.max(this.#askedSeq, untilSeq);
    this.#onDurable(untilSeq);
  }
}
