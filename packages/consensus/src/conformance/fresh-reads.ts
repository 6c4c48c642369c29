import type { MemberId } from "../ids.ts";

/** Reads that wait for their confirmation. Throws at one that is answered from the past. */
export class FreshReads {
  /** What was decided anywhere when each of them came. */
  readonly #decided = new Map<string, number>();
  #token = 0;
  #confirmedCount = 0;

  /** Reads that were confirmed. */
  get confirmedCount(): number {
    return this.#confirmedCount;
  }

  /** A read comes to `id`. Returns its token. */
  ask(id: MemberId, decided: number): number {
    this.#decided.set(`${id} ${++this.#token}`, decided);
    return this.#token;
  }

  /** `number`: how far must be applied for it; undefined when it was not confirmed. */
  answered(id: MemberId, token: number, number: number | undefined): void {
    const key = `${id} ${token}`;
    const decided = this.#decided.get(key);
    this.#decided.delete(key);
    if (decided === undefined || number === undefined) return;
    this.#confirmedCount++;
    if (number < decided) throw new Error(`fresh read: ${id} confirms ${number}, though ${decided} was decided before`);
  }
}
