import { assert } from "./assert.ts";
import type { Cancel, Clock } from "./clock.ts";
import type { Journal } from "./journal.ts";
import { fraction, type Random } from "./random.ts";

/**
 * A protocol as data: `step` takes one input and the present time, changes the core's own state, and returns what is to
 * be done. No clock, chance, IO or promise inside.
 */
export interface Core<Input, Output> {
  step(input: Input, nowMs: number): readonly Output[];
}

/** What every driver understands by itself. */
export type DriverOutput =
  /** Append to the journal. */
  | { readonly kind: "persist"; readonly record: Uint8Array }
  /** Have `{ kind: "timer", name }` come in at `atMs` or soon after; replaces an earlier one of that name. */
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** An output that may have to wait: with `afterPersist` it leaves only when all that was persisted before it is durable. */
export interface Performable {
  readonly kind: string;
  readonly afterPersist?: boolean;
}

/** A timer that came due. `random` is uniform in [0, 1): whatever chance a core needs, it needs when a timer fires. */
export interface TimerInput {
  readonly kind: "timer";
  readonly name: string;
  readonly random: number;
}

export interface DriverOptions<Input, Output extends Performable> {
  readonly core: Core<Input | TimerInput, Output | DriverOutput>;
  readonly clock: Clock;
  readonly random: Random;
  /** Needed by cores that persist. */
  readonly journal?: Journal;
  /** Does what an output says: encode and send it, apply it, start a process. May `submit` further inputs. */
  readonly perform: (output: Output) => void;
  /** Inputs that may wait; `submit` refuses a further one. */
  readonly inputsMax?: number;
}

export const INPUTS_MAX_DEFAULT = 65_536;
/** Inputs taken before other work of the process gets its turn and the journal is flushed. */
const TURN_INPUTS_MAX = 1_024;

/**
 * The one loop that runs every core. Per input: take it from the queue, *then* read the clock, step, perform the outputs
 * in order. All that the inputs of a turn persisted is made durable by one flush; outputs marked `afterPersist` wait for
 * it, in order among themselves.
 */
export class Driver<Input, Output extends Performable> {
  readonly #options: DriverOptions<Input, Output>;
  readonly #inputsMax: number;
  #inputs: (Input | TimerInput)[] = [];
  #taken = 0;
  readonly #timers = new Map<string, Cancel>();
  /** Waiting for durability. Invariant: ordered by `seq`, none durable. */
  readonly #held: { readonly seq: number; readonly output: Output }[] = [];
  #turnAsked = false;
  #stopped = false;
  #refused = 0;

  constructor(options: DriverOptions<Input, Output>) {
    this.#options = options;
    this.#inputsMax = options.inputsMax ?? INPUTS_MAX_DEFAULT;
    options.journal?.onDurable((seq) => this.#release(seq));
  }

  /** Inputs refused because the queue was full. */
  get refused(): number {
    return this.#refused;
  }

  get waiting(): number {
    return this.#inputs.length - this.#taken;
  }

  /** Queues an input. False, and counted, when the queue is full or the driver was stopped. */
  submit(input: Input): boolean {
    if (this.#stopped || this.waiting >= this.#inputsMax) {
      this.#refused++;
      return false;
    }
    this.#queue(input);
    return true;
  }

  /**
   * Queues the answer to an output, such as the result of applying something. Never refused: there are no more of them
   * than outputs.
   */
  complete(input: Input): void {
    if (!this.#stopped) this.#queue(input);
  }

  /** Takes no more inputs, forgets waiting ones, timers and held outputs. */
  stop(): void {
    this.#stopped = true;
    this.#inputs = [];
    this.#taken = 0;
    this.#held.length = 0;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** Timers come in here too: one can be late, but is never refused, as its core may hold no other. */
  #queue(input: Input | TimerInput): void {
    this.#inputs.push(input);
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#options.clock.at(this.#options.clock.nowMs(), () => this.#turn());
  }

  #turn(): void {
    this.#turnAsked = false;
    if (this.#stopped) return;
    for (let count = 0; count < TURN_INPUTS_MAX && this.waiting > 0; count++) {
      const input = this.#inputs[this.#taken++] as Input | TimerInput;
      for (const output of this.#options.core.step(input, this.#options.clock.nowMs())) {
        this.#handle(output);
        if (this.#stopped) return;
      }
    }
    if (this.#taken > TURN_INPUTS_MAX || this.waiting === 0) {
      this.#inputs = this.#inputs.slice(this.#taken);
      this.#taken = 0;
    }
    const { journal, clock } = this.#options;
    if (journal !== undefined && journal.durableSeq < journal.writtenSeq) journal.flush();
    if (this.waiting > 0 && !this.#turnAsked) {
      this.#turnAsked = true;
      clock.at(clock.nowMs(), () => this.#turn());
    }
  }

  #handle(output: Output | DriverOutput): void {
    const { journal } = this.#options;
    if (output.kind === "persist") {
      assert(journal !== undefined, "the core persists, but its driver has no journal");
      journal.append((output as DriverOutput & { kind: "persist" }).record);
    } else if (output.kind === "timer") {
      this.#setTimer(output as DriverOutput & { kind: "timer" });
    } else {
      const performable = output as Output;
      const isHeld = this.#held.length > 0 || (journal !== undefined && journal.durableSeq < journal.writtenSeq);
      if (performable.afterPersist && isHeld) this.#held.push({ seq: journal?.writtenSeq ?? 0, output: performable });
      else this.#options.perform(performable);
    }
  }

  #setTimer({ name, atMs }: DriverOutput & { kind: "timer" }): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (atMs === undefined) return;
    const cancel = this.#options.clock.at(atMs, () => {
      this.#timers.delete(name);
      this.#queue({ kind: "timer", name, random: fraction(this.#options.random) });
    });
    this.#timers.set(name, cancel);
  }

  #release(durableSeq: number): void {
    let count = 0;
    while (count < this.#held.length && (this.#held[count] as { seq: number }).seq <= durableSeq) count++;
    for (const { output } of this.#held.splice(0, count)) {
      if (this.#stopped) return;
      this.#options.perform(output);
    }
  }
}
