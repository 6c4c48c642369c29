import type { LiveFile } from "./live-file.ts";
import type { EntryDigest } from "./page-notes.ts";

/** From a commit until notes are made of what it has written, and of all since. */
const NOTE_DELAY_MS = 20_000;
/** From one slice of that to the next. */
const NOTE_SLICE_MS = 5;
/** A reading transaction keeps old pages: making notes ends by then, done or not. */
const NOTE_MS_MAX = 60_000;

/** Has notes made of a store's pages now and then. Without them the next start takes longer, and that is all: what goes wrong is let be. */
export class NoteKeeper {
  readonly #file: LiveFile;
  readonly #digest: () => EntryDigest;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(file: LiveFile, digest: () => EntryDigest) {
    this.#file = file;
    this.#digest = digest;
  }

  /** Something was committed. */
  onCommitted(): void {
    if (this.#cancel !== undefined || this.#isStopped) return;
    const timer = setTimeout(() => this.#note(), NOTE_DELAY_MS);
    // It keeps no process alive.
    timer.unref();
    this.#cancel = () => clearTimeout(timer);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #note(): void {
    const course = this.#file.noting(this.#digest());
    const untilMs = performance.now() + NOTE_MS_MAX;
    const slice = (): void => {
      if (this.#isOver(course, untilMs)) {
        this.#cancel = undefined;
        course.return();
        return;
      }
      const timer = setTimeout(slice, NOTE_SLICE_MS);
      this.#cancel = () => {
        clearTimeout(timer);
        course.return();
      };
    };
    slice();
  }

  #isOver(course: Generator<undefined, void, undefined>, untilMs: number): boolean {
    try {
      return course.next().done === true || performance.now() >= untilMs;
    } catch {
      return true;
    }
  }
}
