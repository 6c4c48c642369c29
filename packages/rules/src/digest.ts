/** A 53-bit mixing hash (cyrb53): against mistakes, not against malice. */
class Mix {
  #high: number;
  #low: number;

  constructor(seed: number) {
    this.#high = 0xdeadbeef ^ seed;
    this.#low = 0x41c6ce57 ^ seed;
  }

  add(unit: number): void {
    this.#high = Math.imul(this.#high ^ unit, 2654435761);
    this.#low = Math.imul(this.#low ^ unit, 1597334677);
  }

  /** 0 … 2⁵³−1. */
  value(): number {
    const high = this.#high;
    const low = this.#low;
    const a = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    const b = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return 2 ** 32 * (b & 0x1fffff) + (a >>> 0);
  }
}

/** Short text that differs, in practice, for different input. */
export function digest(text: string, bytes?: Uint8Array): string {
  const mix = new Mix(0);
  for (let at = 0; at < text.length; at++) mix.add(text.charCodeAt(at));
  if (bytes !== undefined) {
    mix.add(0x10000);
    for (const byte of bytes) mix.add(byte);
  }
  return mix.value().toString(36);
}

/** Uniform in [0, 1), made from the chance of an input and the place that asks for it, so that no order matters. */
export function chance(random: number, place: string): number {
  const mix = new Mix(Math.floor(random * 2 ** 32));
  for (let at = 0; at < place.length; at++) mix.add(place.charCodeAt(at));
  return mix.value() / 2 ** 53;
}
