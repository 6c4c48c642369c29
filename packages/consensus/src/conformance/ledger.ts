import type { MemberId } from "../ids.ts";
import type { Membership } from "../membership.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Values are texts in the suite, so that a failure can be read. */
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

const describe = (text: string, membership: Membership | undefined): string =>
  membership === undefined ? JSON.stringify(text) : `legislature ${membership.legislature} of ${membership.members}`;

/**
 * What was delivered anywhere, ever. Throws at the first delivery that breaks agreement (one value per number, over all
 * members and lives) or validity (proposed by somebody, or empty).
 */
export class Ledger {
  readonly #proposed = new Set<string>([""]);
  readonly #decided = new Map<number, { readonly text: string; readonly by: MemberId }>();
  /** In force from the decree after `number` on. In order. */
  readonly #memberships: { readonly number: number; readonly membership: Membership }[];
  readonly #texts = new Set<string>();
  #highest = 0;

  constructor(founding: Membership) {
    this.#memberships = [{ number: 0, membership: founding }];
  }

  /** In force behind decree `number`, which was delivered somewhere. */
  membershipAfter(number: number): Membership {
    const last = this.#memberships.findLast((each) => each.number <= number);
    return (last as { membership: Membership }).membership;
  }

  /** In force as far as anybody has delivered. */
  get membership(): Membership {
    return this.membershipAfter(Number.MAX_SAFE_INTEGER);
  }

  /** Highest number delivered anywhere. */
  get highest(): number {
    return this.#highest;
  }

  proposed(value: Uint8Array): void {
    this.#proposed.add(textOf(value));
  }

  delivered(by: MemberId, number: number, value: Uint8Array, membership?: Membership): void {
    const text = describe(textOf(value), membership);
    const earlier = this.#decided.get(number);
    if (earlier !== undefined && earlier.text !== text)
      throw new Error(`agreement: decree ${number} is ${text} on ${by}, but ${earlier.text} on ${earlier.by}`);
    if (membership === undefined && !this.#proposed.has(textOf(value)))
      throw new Error(`validity: decree ${number} is ${text} on ${by}, which nobody proposed`);
    if (earlier === undefined) {
      this.#decided.set(number, { text, by });
      if (membership !== undefined) this.#begin(number, membership);
    }
    this.#texts.add(text);
    this.#highest = Math.max(this.#highest, number);
  }

  #begin(number: number, membership: Membership): void {
    const { legislature } = this.membership;
    if (membership.legislature !== legislature + 1)
      throw new Error(`legislature: ${membership.legislature} begins behind ${number}, after ${legislature}`);
    this.#memberships.push({ number, membership });
  }

  /** Undefined while nobody has delivered it. */
  value(number: number): string | undefined {
    const text = this.#decided.get(number)?.text;
    return text?.startsWith('"') ? (JSON.parse(text) as string) : text;
  }

  has(text: string): boolean {
    return this.#texts.has(JSON.stringify(text));
  }
}
