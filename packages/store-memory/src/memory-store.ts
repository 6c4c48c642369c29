import {
  assertBounds,
  assertChanges,
  type Clock,
  SNAPSHOTS_MAX,
  type SortedMap,
  type Store,
  type StoreEntry,
  StoreError,
  type StoreRange,
  type StoreSnapshot,
} from "@halon/runtime";
import { applyBatch, type Batch, copyOf, type MemoryStoreDisk, type OpenStore } from "./memory-store-disk.ts";

export interface MemoryStoreOptions {
  readonly disk: MemoryStoreDisk;
  readonly clock: Clock;
  /** How long a commit takes, asked before each one. */
  readonly flushMs: number | (() => number);
  /** Whose store it is; another's is refused as `foreign`. */
  readonly identity: string;
  /** Batches that may wait to become durable; a further one is refused as `busy`. */
  readonly waitingMax?: number;
}

const WAITING_MAX_DEFAULT = 65_536;

/** Opens the store of a {@link MemoryStoreDisk}, a new one on a new disk. Throws a StoreError. */
export function openStoreMemory(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store, OpenStore {
  readonly #disk: MemoryStoreDisk;
  readonly #clock: Clock;
  readonly #flushMs: () => number;
  readonly #waitingMax: number;
  /** Durable state with all waiting batches applied. Never changed while a snapshot shows it: the next write takes a copy. */
  #entries: SortedMap<Uint8Array>;
  readonly #snapshots = new Set<MemorySnapshot>();
  #waiting: Batch[] = [];
  #writtenCount = 0;
  /** Invariant: writtenCount = durableCount + waiting.length. */
  #durableCount = 0;
  /** Invariant: ordered by `count`. */
  #flushes: { readonly count: number; readonly done: () => void }[] = [];
  #commitUnderWay = false;
  #closed = false;
  #failure: StoreError | undefined;
  #onFailure: (error: StoreError) => void = () => undefined;

  constructor({ disk, clock, flushMs, identity, waitingMax }: MemoryStoreOptions) {
    this.#entries = disk.attach(this, identity);
    this.#disk = disk;
    this.#clock = clock;
    this.#flushMs = typeof flushMs === "number" ? () => flushMs : flushMs;
    this.#waitingMax = waitingMax ?? WAITING_MAX_DEFAULT;
  }

  get(key: string): Uint8Array | undefined {
    this.#assertOpen();
    return this.#entries.get(key);
  }

  range(range: StoreRange): readonly StoreEntry[] {
    this.#assertOpen();
    return entriesIn(this.#entries, range);
  }

  write(changes: Batch): void {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    assertChanges(changes);
    if (this.#waiting.length >= this.#waitingMax)
      throw new StoreError("busy", `${this.#waiting.length} batches wait to become durable: write again after a flush`);
    if ([...this.#snapshots].some(({ entries }) => entries === this.#entries)) this.#entries = copyOf(this.#entries);
    applyBatch(this.#entries, changes);
    this.#waiting.push([...changes]);
    this.#writtenCount++;
    this.#startCommit();
  }

  snapshot(): StoreSnapshot {
    this.#assertOpen();
    if (this.#snapshots.size >= SNAPSHOTS_MAX)
      throw new StoreError("busy", `${SNAPSHOTS_MAX} snapshots are open: release one and try again`);
    const snapshot = new MemorySnapshot(this.#entries, () => this.#snapshots.delete(snapshot));
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  flush(done: () => void): void {
    this.#assertOpen();
    if (this.#failure !== undefined) return;
    this.#flushes.push({ count: this.#writtenCount, done });
    if (this.#waiting.length === 0) this.#clock.at(this.#clock.nowMs(), () => this.#answerFlushes());
  }

  onFailure(listener: (error: StoreError) => void): void {
    this.#onFailure = listener;
  }

  /** Commits at once, taking no time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === undefined) this.#finishCommit(this.#waiting.length);
    this.die();
    this.#disk.detach(this);
  }

  waiting(): readonly Batch[] {
    return this.#waiting;
  }

  die(): void {
    this.#closed = true;
    for (const snapshot of this.#snapshots) snapshot.release();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError("closed", "the store is closed");
  }

  #startCommit(): void {
    if (this.#commitUnderWay || this.#waiting.length === 0) return;
    this.#commitUnderWay = true;
    // What is written before the first event of this turn is over goes along.
    this.#clock.at(this.#clock.nowMs(), () => {
      const count = this.#waiting.length;
      this.#clock.at(this.#clock.nowMs() + this.#flushMs(), () => {
        this.#commitUnderWay = false;
        if (this.#closed || this.#failure !== undefined) return;
        this.#finishCommit(count);
        if (!this.#closed && this.#failure === undefined) this.#startCommit();
      });
    });
  }

  #finishCommit(count: number): void {
    if (!this.#disk.take(this.#waiting.slice(0, count))) {
      this.#failure = new StoreError("io", "a commit failed: the store takes nothing more, reopen or rebuild it");
      this.#flushes = [];
      this.#onFailure(this.#failure);
      return;
    }
    this.#waiting = this.#waiting.slice(count);
    this.#durableCount += count;
    this.#answerFlushes();
  }

  #answerFlushes(): void {
    while (this.#flushes[0] !== undefined && this.#flushes[0].count <= this.#durableCount) {
      if (this.#closed) return;
      this.#flushes.shift()?.done();
    }
  }
}

/** Shows a map that nobody changes any more. */
class MemorySnapshot implements StoreSnapshot {
  readonly entries: SortedMap<Uint8Array>;
  readonly #onRelease: () => void;
  #released = false;

  constructor(entries: SortedMap<Uint8Array>, onRelease: () => void) {
    this.entries = entries;
    this.#onRelease = onRelease;
  }

  get(key: string): Uint8Array | undefined {
    this.#assertOpen();
    return this.entries.get(key);
  }

  range(range: StoreRange): readonly StoreEntry[] {
    this.#assertOpen();
    return entriesIn(this.entries, range);
  }

  release(): void {
    this.#released = true;
    this.#onRelease();
  }

  #assertOpen(): void {
    if (this.#released) throw new StoreError("closed", "the snapshot is released, or its store closed");
  }
}

function entriesIn(entries: SortedMap<Uint8Array>, range: StoreRange): readonly StoreEntry[] {
  assertBounds(range);
  const { from, to, reverse, limit = Number.POSITIVE_INFINITY } = range;
  const found: StoreEntry[] = [];
  if (limit <= 0) return found;
  for (const entry of entries.entries(from, to, reverse)) {
    found.push(entry);
    if (found.length >= limit) break;
  }
  return found;
}
