import type { FileSystem } from "./file-system.ts";
import { syncDir } from "./file-system.ts";
import { writeStart } from "./marks.ts";
import type { Reserve } from "./reserve.ts";
import type { Segment } from "./segment.ts";

export interface TrimmerParts {
  readonly dir: string;
  readonly identity: string;
  readonly fileSystem: FileSystem;
  readonly reserve: Reserve;
  /** Those of the journal, in order; the trimmer takes from its front and never the last one. */
  readonly segments: Segment[];
  readonly onError: (error: unknown) => void;
}

/**
 * Gives whole segments back, beside the writing: first the mark of the new start becomes durable, then they go one after
 * another, the oldest first. A crash in between leaves segments before the start, which the next opening removes.
 */
export class Trimmer {
  readonly #parts: TrimmerParts;
  #beforeSeq = 0;
  /** No longer of the journal, but still on the disk. */
  readonly #leaving: Segment[] = [];
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: TrimmerParts) {
    this.#parts = parts;
  }

  /** On the disk, though not of the journal any longer. */
  get bytesCount(): number {
    return this.#leaving.reduce((sum, { end }) => sum + end.offset, 0);
  }

  /** Records before this one may go. */
  trim(beforeSeq: number): void {
    this.#beforeSeq = Math.max(this.#beforeSeq, beforeSeq);
    this.resume();
  }

  /** Looks again whether there is anything to give back; to be called when a segment was added. */
  resume(): void {
    if (this.#working === undefined && !this.#stopped && this.#goneCount() > 0) this.#working = this.#work();
  }

  /** After what is under way nothing more is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** How many segments have nothing that is needed. */
  #goneCount(): number {
    return Math.max(
      0,
      this.#parts.segments.findLastIndex(({ firstSeq }) => firstSeq <= this.#beforeSeq),
    );
  }

  async #work(): Promise<void> {
    try {
      while (!this.#stopped && this.#goneCount() > 0) await this.#giveBack(this.#goneCount());
    } catch (error) {
      this.#stopped = true;
      this.#parts.onError(error);
    }
    this.#working = undefined;
  }

  async #giveBack(count: number): Promise<void> {
    const { dir, identity, fileSystem, reserve, segments } = this.#parts;
    const { firstSeq, previousCrc } = segments[count] as Segment;
    await reserve.spend(() => writeStart(fileSystem, dir, identity, { firstSeq, previousCrc }));
    this.#leaving.push(...segments.splice(0, count));
    for (let next = this.#leaving[0]; next !== undefined && !this.#stopped; next = this.#leaving[0]) {
      await fileSystem.remove(next.path);
      this.#leaving.shift();
    }
    await syncDir(fileSystem, dir);
    await reserve.restore();
  }
}
