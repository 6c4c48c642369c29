import type { MemberId } from "../ids.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Values are texts in the suite, so that a failure can be read. */
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/**
 * What was delivered anywhere, ever. Throws at the first delivery that breaks agreement (one value per number, over all
 * members and lives) or validity (proposed by somebody, or empty).
 */
export class Ledger {
  readonly #proposed = new Set<string>([""]);
  readonly #decided = new Map<number, { readonly text: string; readonly by: MemberId }>();
  readonly #texts = new Set<string>();
  #highest = 0;

  /** Highest number delivered anywhere. */
  get highest(): number {
    return this.#highest;
  }

  proposed(value: Uint8Array): void {
    this.#proposed.add(textOf(value));
  }

  delivered(by: MemberId, number: number, value: Uint8Array): void {
    const text = textOf(value);
    const earlier = this.#decided.get(number);
    if (earlier !== undefined && earlier.text !== text)
      throw new Error(
        `agreement: decree ${number} is ${JSON.stringify(text)} on ${by}, but ${JSON.stringify(earlier.text)} on ${earlier.by}`,
      );
    if (!this.#proposed.has(text))
      throw new Error(`validity: decree ${number} is ${JSON.stringify(text)} on ${by}, which nobody proposed`);
    if (earlier === undefined) this.#decided.set(number, { text, by });
    this.#texts.add(text);
    this.#highest = Math.max(this.#highest, number);
  }

  /** Undefined while nobody has delivered it. */
  value(number: number): string | undefined {
    return this.#decided.get(number)?.text;
  }

  has(text: string): boolean {
    return this.#texts.has(text);
  }
}
