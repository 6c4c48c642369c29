import { INSTALLING_KEY, POSITION_KEY } from "@halon/replicated-log";
import {
  type Journal,
  type JournalRecord,
  SortedMap,
  type Store,
  type StoreChange,
  type StoreEntry,
  type StoreRange,
  type StoreSnapshot,
} from "@halon/runtime";

/** A journal as it is, for others to spoil one thing. */
class PlainJournal implements Journal {
  protected readonly inner: Journal;

  constructor(inner: Journal) {
    this.inner = inner;
  }

  get firstSeq(): number {
    return this.inner.firstSeq;
  }

  get bytesCount(): number {
    return this.inner.bytesCount;
  }

  get writtenSeq(): number {
    return this.inner.writtenSeq;
  }

  get durableSeq(): number {
    return this.inner.durableSeq;
  }

  append(record: Uint8Array): number {
    return this.inner.append(record);
  }

  flush(): void {
    this.inner.flush();
  }

  onDurable(listener: (durableSeq: number) => void): void {
    this.inner.onDurable(listener);
  }

  onFailure(listener: Parameters<Journal["onFailure"]>[0]): void {
    this.inner.onFailure(listener);
  }

  read(fromSeq: number, bytesMax: number): readonly JournalRecord[] {
    return this.inner.read(fromSeq, bytesMax);
  }

  trim(beforeSeq: number): void {
    this.inner.trim(beforeSeq);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Says of everything written that it is durable, while the disk has only been asked. */
export class BoastfulJournal extends PlainJournal {
  override get durableSeq(): number {
    return this.inner.writtenSeq;
  }

  override append(record: Uint8Array): number {
    const seq = this.inner.append(record);
    this.inner.flush();
    return seq;
  }

  override trim(beforeSeq: number): void {
    this.inner.trim(Math.min(beforeSeq, this.inner.durableSeq + 1));
  }
}

/** The first byte of a record of Paxos's that is nothing but a promise, and of one that names a life, in `paxos.proto`. */
const PROMISED = 0x0a;
const BOOT = 0x2a;

/** Promises never reach the disk; what says nothing new is written in their place. */
export class PromiseLosingJournal extends PlainJournal {
  #boot: Uint8Array | undefined;

  override append(record: Uint8Array): number {
    if (record[0] === BOOT) this.#boot = record;
    return super.append(record[0] === PROMISED && this.#boot !== undefined ? this.#boot : record);
  }
}

/** A store as it is, for others to spoil one thing. */
class PlainStore implements Store {
  protected readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  get(key: string): Uint8Array | undefined {
    return this.inner.get(key);
  }

  range(range: Parameters<Store["range"]>[0]): ReturnType<Store["range"]> {
    return this.inner.range(range);
  }

  write(changes: readonly StoreChange[]): void {
    this.inner.write(changes);
  }

  snapshot(): StoreSnapshot {
    return this.inner.snapshot();
  }

  flush(done: () => void): void {
    this.inner.flush(done);
  }

  onFailure(listener: Parameters<Store["onFailure"]>[0]): void {
    this.inner.onFailure(listener);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Sessions that forget what they have answered: results never reach the state. */
export class ResultLosingStore extends PlainStore {
  override write(changes: readonly StoreChange[]): void {
    this.inner.write(changes.filter((change) => change.kind !== "put" || !change.key.startsWith("~result/")));
  }
}

/** Batches that {@link LazyStore} holds back. */
const HELD_BACK = 8;

/** Answers from memory, writes when it has gathered some, and says that all is durable when it is not. */
export class LazyStore extends PlainStore {
  readonly #entries = new SortedMap<Uint8Array>();
  readonly #behind: (readonly StoreChange[])[] = [];

  constructor(inner: Store) {
    super(inner);
    for (const [key, value] of inner.range({ from: "", to: "\x7f" })) this.#entries.set(key, value);
  }

  override get(key: string): Uint8Array | undefined {
    return this.#entries.get(key);
  }

  override range({ from, to, reverse, limit = Number.POSITIVE_INFINITY }: StoreRange): readonly StoreEntry[] {
    return [...this.#entries.entries(from, to, reverse)].slice(0, limit);
  }

  override write(changes: readonly StoreChange[]): void {
    for (const change of changes)
      if (change.kind === "put") this.#entries.set(change.key, change.value);
      else if (change.kind === "delete") this.#entries.delete(change.key);
      else for (const [key] of this.range(change)) this.#entries.delete(key);
    this.#behind.push([...changes]);
    const [first] = this.#behind.length > HELD_BACK ? this.#behind.splice(0, 1) : [];
    if (first !== undefined) this.inner.write(first);
  }

  override flush(done: () => void): void {
    done();
  }
}

const isOfSessions = ([key]: StoreEntry): boolean => key.startsWith("~result/") || key.startsWith("~session/");

/** Snapshots leave out what sessions were answered. */
export class SessionlessSnapshots extends PlainStore {
  override snapshot(): StoreSnapshot {
    const whole = this.inner.snapshot();
    return {
      get: (key) => whole.get(key),
      range: (range) => whole.range(range).filter((entry) => !isOfSessions(entry)),
      release: () => whole.release(),
    };
  }
}

/** What a snapshot says of its decree is not taken over. */
export class PositionlessInstalls extends PlainStore {
  override write(changes: readonly StoreChange[]): void {
    const isInstall = changes.some((change) => change.kind === "put" && change.key === INSTALLING_KEY);
    this.inner.write(
      isInstall ? changes.filter((change) => change.kind !== "put" || change.key !== POSITION_KEY) : changes,
    );
  }
}
