import { WINDOW } from "./command.ts";

/** The number of a command: given when it is first sent, and kept. */
export interface CommandNumber {
  readonly session: number;
  readonly seq: number;
}

/** A client's side of its session: what is numbered, and what of it was answered. */
export class ClientSession {
  #id: number | undefined;
  #nextSeq = 1;
  /** Sequence numbers without an answer. Insertion is in rising order. */
  readonly #unanswered = new Set<number>();

  get isOpen(): boolean {
    return this.#id !== undefined;
  }

  /** `result`: of the registration. False when it makes no sense. */
  open(result: Uint8Array): boolean {
    const id = Number(new TextDecoder().decode(result));
    if (!Number.isSafeInteger(id) || id < 1) return false;
    this.#id = id;
    this.#nextSeq = 1;
    this.#unanswered.clear();
    return true;
  }

  /** The group has forgotten it. */
  forget(): void {
    this.#id = undefined;
    this.#unanswered.clear();
  }

  /** The next number; `undefined` while there is no session, or no room in its window. */
  next(): CommandNumber | undefined {
    if (this.#id === undefined || this.#nextSeq >= this.#lowest + WINDOW) return undefined;
    const seq = this.#nextSeq++;
    this.#unanswered.add(seq);
    return { session: this.#id, seq };
  }

  /** A number of an earlier session says nothing about the present one. */
  isPresent(number: CommandNumber | undefined): number is CommandNumber {
    return number !== undefined && number.session === this.#id;
  }

  answered(number: CommandNumber | undefined): void {
    if (this.isPresent(number)) this.#unanswered.delete(number.seq);
  }

  /** All numbers of that session below this one were answered. */
  lowestFor(number: CommandNumber | undefined): number {
    return this.isPresent(number) ? this.#lowest : 0;
  }

  get #lowest(): number {
    const [first] = this.#unanswered;
    return first ?? this.#nextSeq;
  }
}
