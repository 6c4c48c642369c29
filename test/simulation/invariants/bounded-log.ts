import { type MemberStep, WatchedInvariant } from "./watched.ts";

/** In units of the size after which a journal is trimmed. */
const GROWTH_MAX = 3;

export class BoundedLog extends WatchedInvariant {
  readonly name = "bounded-log";
  readonly citation = "promise G6; scenario L6";
  readonly says = "the journal of each member stays below three times the size after which it is trimmed";
  readonly #bytesMax: number;

  constructor(snapshotBytes: number) {
    super();
    this.#bytesMax = GROWTH_MAX * snapshotBytes;
  }

  /** Whatever the member does, with a state or without. */
  override onStep({ member, journalBytes }: MemberStep): void {
    this.expect(
      journalBytes < this.#bytesMax,
      () => `the journal of ${member} takes ${journalBytes} bytes, and is to stay below ${this.#bytesMax}`,
    );
  }
}
