const CAPACITY_FIRST = 1_024;

/** Numbers of 32 bits, outside of the heap. */
export class NumberList {
  #all = new Uint32Array(CAPACITY_FIRST);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(number: number): void {
    if (this.#count === this.#all.length) {
      const larger = new Uint32Array(this.#all.length * 2);
      larger.set(this.#all);
      this.#all = larger;
    }
    this.#all[this.#count++] = number;
  }

  at(index: number): number {
    return this.#all[index] as number;
  }

  /** All of them; good until the next one comes. */
  get array(): Uint32Array {
    return this.#all.subarray(0, this.#count);
  }
}
