import { SortedMap, type Store, type StoreChange } from "@halon/runtime";

/** Keys that one track holds, at most. Whoever needs more of them compares the whole state instead. */
const CHANGED_KEYS_MAX = 1_048_576;

/** Keys that were written since a certain time, each once. */
export class ChangeTrack {
  readonly #keysMax: number;
  #keys: SortedMap<true> | undefined = new SortedMap();

  constructor(keysMax = CHANGED_KEYS_MAX) {
    this.#keysMax = keysMax;
  }

  /** `undefined`: they are too many, or it is not known which. */
  get keys(): SortedMap<true> | undefined {
    return this.#keys;
  }

  note(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if (change.kind !== "deleteRange") this.#keys?.set(change.key, true);
      if (change.kind === "deleteRange" || (this.#keys?.size ?? 0) > this.#keysMax) this.#keys = undefined;
    }
  }

  /** Those of another one are here, too. */
  join({ keys }: ChangeTrack): void {
    if (keys === undefined) this.#keys = undefined;
    else for (const [key] of keys.entries("", "\x7f")) this.#keys?.set(key, true);
    if ((this.#keys?.size ?? 0) > this.#keysMax) this.#keys = undefined;
  }
}

/** A store that tells which keys are written through it. */
export class TrackedStore implements Store {
  readonly #store: Store;
  readonly #tracks = new Set<ChangeTrack>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Notes all that is written from now on, until it is given to {@link untrack}. */
  track(): ChangeTrack {
    const track = new ChangeTrack();
    this.#tracks.add(track);
    return track;
  }

  untrack(track: ChangeTrack): void {
    this.#tracks.delete(track);
  }

  write(changes: readonly StoreChange[]): void {
    this.#store.write(changes);
    for (const track of this.#tracks) track.note(changes);
  }

  get(...args: Parameters<Store["get"]>): ReturnType<Store["get"]> {
    return this.#store.get(...args);
  }

  range(...args: Parameters<Store["range"]>): ReturnType<Store["range"]> {
    return this.#store.range(...args);
  }

  snapshot(): ReturnType<Store["snapshot"]> {
    return this.#store.snapshot();
  }

  flush(done: () => void): void {
    this.#store.flush(done);
  }

  onFailure(...args: Parameters<Store["onFailure"]>): void {
    this.#store.onFailure(...args);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
