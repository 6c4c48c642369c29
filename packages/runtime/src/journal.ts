/** A record as it was appended. `seq` counts from 1 without gaps; `bytes` are the reader's own. */
export interface JournalRecord {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

export type JournalErrorCode =
  /** Something else than an incomplete last record is wrong: what was promised may be lost. */
  | "damaged"
  /** A journal is expected, but there is none. */
  | "missing"
  /** A journal is to be created where there is something already. */
  | "not-empty"
  /** It belongs to another member, cluster or incarnation. */
  | "foreign"
  | "version"
  /** Another live process has it open. */
  | "in-use"
  | "io"
  | "closed"
  | "too-large";

/**
 * What went wrong with a journal, where, and what to do. After `io` or `damaged` an open journal takes nothing more;
 * `too-large` refuses that one record.
 */
export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Largest record that a journal takes. */
export const RECORD_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Ordered, append-only records of one writer. *Written* (appended, visible to `read`) is told apart from *durable*
 * (survives power loss); what is durable is always a prefix of what is written.
 *
 * Opening is the adapter's own. It verifies the chain of checksums: only an incomplete last record may be cut off, any
 * other damage is refused as `damaged`.
 */
export interface Journal {
  /**
   * Seq of the oldest record that `read` still has; `writtenSeq + 1` when it has none. 1 until something was trimmed.
   * After a crash it may be lower than it was: what was trimmed can come back, never what was not.
   */
  readonly firstSeq: number;
  /** Bytes that the journal takes on its disk, those not yet durable included. */
  readonly bytesCount: number;
  /** Seq of the newest appended record, 0 when there is none. */
  readonly writtenSeq: number;
  /** All records up to this one are durable. Invariant: durableSeq <= writtenSeq. */
  readonly durableSeq: number;
  /** Appends a copy of `record` and returns its seq. Starts no IO. Throws {@link JournalError}. */
  append(record: Uint8Array): number;
  /**
   * Makes all that is appended so far durable. Returns at once; calls while one is under way are merged into the next
   * one (group commit).
   */
  flush(): void;
  /** `listener(durableSeq)` each time the prefix has grown. One listener; never called from within `append` or `flush`. */
  onDurable(listener: (durableSeq: number) => void): void;
  /** Called once when the journal can no longer make anything durable. What was not durable stays unacknowledged. */
  onFailure(listener: (error: JournalError) => void): void;
  /**
   * Written records from `fromSeq` on, in order: as many as fit into `bytesMax`, at least one if there is one.
   * Synchronous: meant for recovery and for the occasional peer that has fallen behind.
   */
  read(fromSeq: number, bytesMax: number): readonly JournalRecord[];
  /**
   * Records before `beforeSeq` are not needed any longer: their space is given back in the journal's own time and pieces,
   * so that `firstSeq` may stay below. `beforeSeq` must be durable, or one above all that is.
   */
  trim(beforeSeq: number): void;
  /** Flushes and closes; afterwards all else is refused as `closed`. Resolves also when the journal has failed. */
  close(): Promise<void>;
}
