import { crc32 } from "node:zlib";
import { assert, JournalError } from "@halon/runtime";

interface DiskRecord {
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** The journal that is open on a disk, as the disk sees it. */
export interface OpenJournal {
  /** Records that a flush was asked for, oldest first, and that are not durable yet. */
  flushing(): readonly Uint8Array[];
  /** Stops for good without a word. */
  die(): void;
}

/**
 * What outlives the process: the durable records of one journal. The faults of a disk are its methods; which and when is
 * the caller's choice, from its seed.
 */
export class MemoryDisk {
  /** Invariant: record `firstSeq + i` at index i. */
  #records: DiskRecord[] = [];
  #firstSeq = 1;
  #bytesCount = 0;
  #identity: string | undefined;
  #open: OpenJournal | undefined;
  #nextFlushFails = false;
  #flushFailed = false;
  /** While it is full, each flush fails, and with it the journal; but what was durable can be opened again. */
  isFull = false;

  /** Whether a journal was created here. */
  get used(): boolean {
    return this.#identity !== undefined;
  }

  /** Of the oldest record; one above `lastSeq` when there is none. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Of the newest durable record. */
  get lastSeq(): number {
    return this.#firstSeq + this.#records.length - 1;
  }

  /** Bytes of all records. */
  get bytesCount(): number {
    return this.#bytesCount;
  }

  /**
   * Power goes. The open journal is dead: it calls nobody back and refuses everything as `closed`. Of the records whose
   * flush was under way or asked for, the first `keepUnflushed` survive; all others that were not durable are gone.
   */
  crash(keepUnflushed = 0): void {
    const journal = this.#open;
    if (journal === undefined) return;
    for (const bytes of journal.flushing().slice(0, keepUnflushed)) this.#push(bytes);
    journal.die();
    this.#open = undefined;
  }

  /** The next flush fails, and with it the journal for good, as a disk does that loses what it was given. */
  failNextFlush(): void {
    this.#nextFlushFails = true;
  }

  /** Flips one bit of a durable record; a record without bytes has none to flip. */
  flipBit(seq: number, bit: number): void {
    const record = this.#records[seq - this.#firstSeq];
    assert(record !== undefined && bit < record.bytes.length * 8, `no bit ${bit} in record ${seq}`);
    const at = bit >> 3;
    record.bytes[at] = (record.bytes[at] as number) ^ (1 << (bit & 7));
  }

  /** Loses everything, as a replaced disk. The open journal is dead. */
  wipe(): void {
    this.crash();
    this.#records = [];
    this.#firstSeq = 1;
    this.#bytesCount = 0;
    this.#identity = undefined;
    this.#flushFailed = false;
  }

  /** For the journal: takes the disk. Throws a JournalError. */
  attach(journal: OpenJournal, mode: "create" | "existing", identity: string): void {
    if (this.#open !== undefined) throw new JournalError("in-use", "the journal is open already: close it first");
    if (mode === "create") this.#create(identity);
    else this.#verify(identity);
    this.#open = journal;
  }

  /** For the journal: gives the disk back. */
  detach(journal: OpenJournal): void {
    if (this.#open === journal) this.#open = undefined;
  }

  /** For the journal: makes `records` durable. False when the disk fails. */
  take(records: readonly Uint8Array[]): boolean {
    if (this.isFull) return false;
    if (this.#nextFlushFails) {
      this.#nextFlushFails = false;
      this.#flushFailed = true;
      return false;
    }
    for (const bytes of records) this.#push(bytes);
    return true;
  }

  /** For the journal: records before `beforeSeq` are gone for good. */
  trim(beforeSeq: number): void {
    const gone = Math.max(0, beforeSeq - this.#firstSeq);
    for (const { bytes } of this.#records.slice(0, gone)) this.#bytesCount -= bytes.length;
    this.#records = this.#records.slice(gone);
    this.#firstSeq += gone;
  }

  /** For the journal: a copy of one durable record. Throws `damaged`. */
  read(seq: number): Uint8Array {
    const record = this.#records[seq - this.#firstSeq];
    assert(record !== undefined, `record ${seq} of ${this.#firstSeq} to ${this.lastSeq}`);
    if (crc32(record.bytes) !== record.crc) throw damaged(`record ${seq} does not match its checksum`);
    return record.bytes.slice();
  }

  #push(bytes: Uint8Array): void {
    this.#records.push({ bytes, crc: crc32(bytes) });
    this.#bytesCount += bytes.length;
  }

  #create(identity: string): void {
    if (this.#identity !== undefined)
      throw new JournalError("not-empty", `a journal of ${this.#identity} exists here: open it as "existing"`);
    this.#identity = identity;
  }

  #verify(identity: string): void {
    if (this.#identity === undefined)
      throw new JournalError("missing", `no journal here, but the one of ${identity} is expected: was it wiped?`);
    if (this.#identity !== identity)
      throw new JournalError("foreign", `this journal belongs to ${this.#identity}, not to ${identity}`);
    if (this.#flushFailed) throw damaged("an earlier flush failed, so records reported as written may be lost");
    for (let seq = this.#firstSeq; seq <= this.lastSeq; seq++) this.read(seq);
  }
}

const damaged = (what: string): JournalError =>
  new JournalError("damaged", `${what}. It must not be used again: rejoin with a new incarnation`);
