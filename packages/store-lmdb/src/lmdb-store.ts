import {
  assert,
  assertBounds,
  assertChanges,
  SNAPSHOTS_MAX,
  type Store,
  type StoreChange,
  type StoreEntry,
  StoreError,
  type StoreRange,
  type StoreSnapshot,
  type VisitStored,
} from "@halon/runtime";
import type { RootDatabase } from "lmdb";
import { LiveFile } from "./live-file.ts";
import { LmdbSnapshot } from "./lmdb-snapshot.ts";
import { NoteKeeper } from "./note-keeper.ts";
import { type Change, costOf, DELETED, merged, Overlay } from "./overlay.ts";
import type { EntryDigest } from "./page-notes.ts";
import { type State, storedEntries, storedKeys, storedValue } from "./stored.ts";

export interface LmdbStoreParts {
  readonly dir: string;
  readonly root: RootDatabase;
  readonly state: State;
  readonly pendingBytesMax: number;
  readonly sizeBytesMax: number;
  /** Sums up entries, where notes are to be kept of what pages come to. */
  readonly digest?: (() => EntryDigest) | undefined;
}

/** A batch that nobody waits for waits so long for others. */
const COMMIT_DELAY_MS = 500;
/** Unless so much has gathered. */
const COMMIT_BYTES = 2 * 1024 * 1024;
/** What was committed last is read from memory, as long as it is no more than this: what is written often is read often. */
const RECENT_BYTES_MAX = 8 * 1024 * 1024;

/**
 * A {@link Store} on LMDB. Batches are collected in an overlay; while one overlay is being committed, as one transaction,
 * the next is filled. Reads look at the filling one, then the one under way, then at those committed last, then at the database.
 */
export class LmdbStore implements Store {
  readonly #parts: LmdbStoreParts;
  #filling = new Overlay();
  /** Being committed; undefined when nothing is. */
  #underWay: Overlay | undefined;
  /** Committed, newest first. Invariant: what they say of a key is what the database has, where no newer one has it. */
  #recent: readonly Overlay[] = [];
  /** When the next commit begins, and how to call that off; undefined when none was asked for. */
  #commit: { readonly isSoon: boolean; readonly cancel: () => void } | undefined;
  #writtenCount = 0;
  /** Batches in the database. Invariant: durableCount <= writtenCount. */
  #durableCount = 0;
  /** Invariant: ordered by `count`. */
  #flushes: { readonly count: number; readonly done: () => void }[] = [];
  #sizeBytes = 0;
  readonly #snapshots = new Set<LmdbSnapshot>();
  #failure: StoreError | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #onFailure: (error: StoreError) => void = () => undefined;

  readonly #file: LiveFile;
  readonly #notes: NoteKeeper | undefined;

  constructor(parts: LmdbStoreParts) {
    this.#parts = parts;
    this.#file = new LiveFile(parts.dir, parts.root);
    this.#notes = parts.digest && new NoteKeeper(this.#file, parts.digest);
    this.#sizeBytes = sizeOf(parts.root);
  }

  get(key: string): Uint8Array | undefined {
    this.#assertOpen();
    let change = this.#filling.get(key);
    if (change === undefined) change = this.#underWay?.get(key);
    for (let at = 0; change === undefined && at < this.#recent.length; at++) change = this.#recent[at]?.get(key);
    if (change !== undefined) return change ?? undefined;
    return storedValue(this.#parts.state, key);
  }

  range(range: StoreRange): readonly StoreEntry[] {
    this.#assertOpen();
    assertBounds(range);
    const { from, to, limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    const found: StoreEntry[] = [];
    if (limit <= 0 || from >= to) return found;
    for (const [key, change] of this.#over(storedEntries(this.#parts.state, from, to, reverse), from, to, reverse)) {
      if (change === DELETED) continue;
      found.push([key, change]);
      if (found.length >= limit) break;
    }
    return found;
  }

  scan({ from, to }: Pick<StoreRange, "from" | "to">, visit: VisitStored): boolean {
    this.#assertOpen();
    assertBounds({ from, to });
    for (const overlay of [this.#underWay, this.#filling])
      for (const _ of overlay?.entries(from, to, false) ?? []) return false;
    return from >= to || this.#file.scan(from, to, visit);
  }

  write(changes: readonly StoreChange[]): void {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    assertChanges(changes);
    this.#assertRoom(changes);
    for (const change of changes) this.#apply(change);
    this.#writtenCount++;
    this.#askCommit();
  }

  snapshot(): StoreSnapshot {
    this.#assertOpen();
    const { dir, root, state } = this.#parts;
    if (this.#snapshots.size >= SNAPSHOTS_MAX)
      throw new StoreError("busy", `${dir}: ${SNAPSHOTS_MAX} snapshots are open: release one and try again`);
    const snapshot = new LmdbSnapshot(dir, root, state, () => this.#snapshots.delete(snapshot));
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  flush(done: () => void): void {
    this.#assertOpen();
    if (this.#failure !== undefined) return;
    this.#flushes.push({ count: this.#writtenCount, done });
    this.#askCommit();
  }

  onFailure(listener: (error: StoreError) => void): void {
    this.#onFailure = listener;
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreError("closed", `${this.#parts.dir}: the store is closed`);
  }

  #assertRoom(changes: readonly StoreChange[]): void {
    const { dir, pendingBytesMax, sizeBytesMax } = this.#parts;
    let cost = 0;
    let puts = false;
    for (const change of changes) {
      if (change.kind === "deleteRange") continue;
      puts ||= change.kind === "put";
      cost += costOf(change.key, change.kind === "put" ? change.value : DELETED);
    }
    if (cost > pendingBytesMax)
      throw new StoreError("too-large", `batch of about ${cost} bytes: at most ${pendingBytesMax} are taken; split it`);
    const pending = this.#filling.bytesCount + (this.#underWay?.bytesCount ?? 0);
    if (pending > 0 && pending + cost > pendingBytesMax)
      throw new StoreError("busy", `${dir}: about ${pending} bytes wait for the disk: write again after a flush`);
    if (puts && this.#sizeBytes >= sizeBytesMax)
      throw new StoreError(
        "too-large",
        `${dir} has grown to ${this.#sizeBytes} bytes: delete entries, or raise sizeBytesMax (${sizeBytesMax})`,
      );
  }

  #apply(change: StoreChange): void {
    if (change.kind === "put") this.#filling.set(change.key, change.value);
    else if (change.kind === "delete") this.#filling.set(change.key, DELETED);
    else this.#deleteRange(change);
  }

  /** LMDB has no range delete, so each key that is there now gets a delete of its own. */
  #deleteRange({ from, to }: { readonly from: string; readonly to: string }): void {
    if (from >= to) return;
    const keys: string[] = [];
    for (const [key, change] of this.#over(storedKeys(this.#parts.state, from, to), from, to, false))
      if (change !== DELETED) keys.push(key);
    for (const key of keys) this.#filling.set(key, DELETED);
  }

  /** What the database has, seen through the overlays. */
  #over(
    stored: Iterable<readonly [string, Change]>,
    from: string,
    to: string,
    reverse: boolean,
  ): Iterable<readonly [string, Change]> {
    let view = stored;
    for (const overlay of [this.#underWay, this.#filling])
      if (overlay !== undefined && overlay.size > 0) view = merged(overlay.entries(from, to, reverse), view, reverse);
    return view;
  }

  /**
   * After this turn when somebody waits for it or much has gathered, else a little later: what is written on and on shares a
   * transaction and a sync, and leaves the disk to the journal.
   */
  #askCommit(): void {
    if (this.#underWay !== undefined) return;
    const isWaited = this.#flushes.length > 0 || this.#idle !== undefined;
    const isSoon = isWaited || this.#filling.bytesCount >= COMMIT_BYTES;
    if (this.#commit !== undefined && (this.#commit.isSoon || !isSoon)) return;
    this.#commit?.cancel();
    const begin = (): void => {
      this.#commit = undefined;
      this.#begin();
    };
    if (isSoon) {
      const immediate = setImmediate(begin);
      this.#commit = { isSoon, cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(begin, COMMIT_DELAY_MS);
      this.#commit = { isSoon, cancel: () => clearTimeout(timer) };
    }
  }

  #begin(): void {
    const overlay = this.#filling;
    const count = this.#writtenCount;
    if (overlay.size === 0) {
      this.#onCommitted(count);
      return;
    }
    this.#underWay = overlay;
    this.#filling = new Overlay();
    const { state } = this.#parts;
    const committed = state.batch(() => {
      for (const [key, change] of overlay.all())
        if (change === DELETED) void state.remove(key);
        else void state.put(key, change);
    });
    void committed.then(
      () => this.#onCommitted(count),
      (error: unknown) => this.#fail(error),
    );
  }

  #onCommitted(count: number): void {
    assert(count >= this.#durableCount && count <= this.#writtenCount, `${count} batches of ${this.#writtenCount}`);
    this.#remember();
    this.#durableCount = count;
    this.#sizeBytes = sizeOf(this.#parts.root);
    this.#notes?.onCommitted();
    if (this.#durableCount < this.#writtenCount) this.#askCommit();
    else this.#idle?.();
    while (this.#flushes[0] !== undefined && this.#flushes[0].count <= count) this.#flushes.shift()?.done();
  }

  #remember(): void {
    if (this.#underWay === undefined) return;
    let bytes = 0;
    this.#recent = [this.#underWay, ...this.#recent].filter((overlay) => {
      bytes += overlay.bytesCount;
      return bytes <= RECENT_BYTES_MAX;
    });
    this.#underWay = undefined;
  }

  #fail(cause: unknown): void {
    // LMDB rejects a second promise with the details and prints them; left alone it would end the process.
    (cause as { commitError?: Promise<unknown> }).commitError?.catch(() => undefined);
    this.#failure = new StoreError(
      "io",
      `${this.#parts.dir}: a commit failed, the store takes nothing more: ${String(cause)}. Free or repair the disk and reopen`,
      { cause },
    );
    this.#flushes = [];
    this.#idle?.();
    this.#onFailure(this.#failure);
  }

  async #finish(): Promise<void> {
    if (this.#failure === undefined && (this.#durableCount < this.#writtenCount || this.#flushes.length > 0))
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        this.#askCommit();
      });
    // LMDB would pull the pages away under them.
    for (const snapshot of this.#snapshots) snapshot.release();
    this.#notes?.stop();
    this.#file.close();
    await this.#parts.root.close();
  }
}

/** Bytes that the database takes on disk. */
function sizeOf(root: RootDatabase): number {
  const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number };
  return (lastPageNumber + 1) * pageSize;
}
