import { type AppliedDecree, WatchedInvariant } from "./watched.ts";

/** In units of the size after which a journal is trimmed. */
const GROWTH_MAX = 3;
/** What may pass while the disk makes the state durable: it counts only beside a size as small as here. */
const PASSING_BYTES = 8 * 1024;

export class BoundedLog extends WatchedInvariant {
  readonly name = "bounded-log";
  readonly citation = "promise G6; scenario L6";
  readonly says = "the journal of each member stays below three times the size after which it is trimmed";
  readonly #bytesMax: number;

  constructor(snapshotBytes: number) {
    super();
    this.#bytesMax = GROWTH_MAX * snapshotBytes + PASSING_BYTES;
  }

  override onApplied({ member, journalBytes }: AppliedDecree): void {
    this.expect(
      journalBytes <= this.#bytesMax,
      () => `the journal of ${member} takes ${journalBytes} bytes, above ${this.#bytesMax}`,
    );
  }
}
