import type { Journal, JournalRecord, Store, StoreChange } from "@halon/runtime";

/**
 * A record of Paxos's that is nothing but a promise: `Record.promised` is field 1 of `paxos.proto`, so its tag is the
 * first byte.
 */
const isPromise = (record: Uint8Array): boolean => record[0] === 0x0a;

/** An acceptor that forgets its promises: they never reach the disk. */
export class PromiseLosingJournal implements Journal {
  readonly #inner: Journal;

  constructor(inner: Journal) {
    this.#inner = inner;
  }

  get writtenSeq(): number {
    return this.#inner.writtenSeq;
  }

  get durableSeq(): number {
    return this.#inner.durableSeq;
  }

  append(record: Uint8Array): number {
    return isPromise(record) ? this.#inner.writtenSeq : this.#inner.append(record);
  }

  flush(): void {
    this.#inner.flush();
  }

  onDurable(listener: (durableSeq: number) => void): void {
    this.#inner.onDurable(listener);
  }

  onFailure(listener: Parameters<Journal["onFailure"]>[0]): void {
    this.#inner.onFailure(listener);
  }

  read(fromSeq: number, bytesMax: number): readonly JournalRecord[] {
    return this.#inner.read(fromSeq, bytesMax);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Says of everything written that it is durable, while the disk has only been asked. */
export class BoastfulJournal extends PromiseLosingJournal {
  readonly #real: Journal;

  constructor(real: Journal) {
    super(real);
    this.#real = real;
  }

  override append(record: Uint8Array): number {
    const seq = this.#real.append(record);
    this.#real.flush();
    return seq;
  }

  override get durableSeq(): number {
    return this.#real.writtenSeq;
  }
}

/** Sessions that forget what they have answered: results never reach the state. */
export class ResultLosingStore implements Store {
  readonly #inner: Store;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  get(key: string): Uint8Array | undefined {
    return this.#inner.get(key);
  }

  range(range: Parameters<Store["range"]>[0]): ReturnType<Store["range"]> {
    return this.#inner.range(range);
  }

  write(changes: readonly StoreChange[]): void {
    this.#inner.write(changes.filter((change) => change.kind !== "put" || !change.key.startsWith("~result/")));
  }

  flush(done: () => void): void {
    this.#inner.flush(done);
  }

  onFailure(listener: Parameters<Store["onFailure"]>[0]): void {
    this.#inner.onFailure(listener);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
