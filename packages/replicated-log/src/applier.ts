import { assert } from "@halon/consensus";
import { type Command, type Decree, type Outcome, RESULT_BYTES_MAX } from "./command.ts";
import { Sessions } from "./sessions.ts";
import { type AppliedStore, Transaction, type View } from "./transaction.ts";

export interface ApplyContext {
  /** Number of the decree. */
  readonly number: number;
  /** Milliseconds of log time: the same on all replicas; stands still without a leader. */
  readonly logTimeMs: number;
}

/**
 * What is replicated: a deterministic function of the commands so far. No clock, chance or IO; all state in the
 * transaction, under keys that do not begin with `~`. It throws nothing: what it dislikes is a result that says so.
 * Results are at most {@link RESULT_BYTES_MAX} long; a longer answer to a query is refused as `too-large`.
 */
export interface StateMachine {
  /** Changes the state and returns what the client is told. */
  apply(payload: Uint8Array, state: Transaction, context: ApplyContext): Uint8Array;
  /** Answers from the state. */
  query(payload: Uint8Array, state: View): Uint8Array;
}

const POSITION_KEY = "~position";

/** Applies decrees to the store, in order, each exactly once: state, sessions and position move in one batch. */
export class Applier {
  readonly #store: AppliedStore;
  readonly #machine: StateMachine;
  readonly #sessions: Sessions;
  #applied = 0;
  #logTimeMs = 0;

  constructor(store: AppliedStore, machine: StateMachine) {
    this.#store = store;
    this.#machine = machine;
    this.#sessions = new Sessions(store);
    const position = store.get(POSITION_KEY);
    if (position === undefined) return;
    const view = new DataView(position.buffer, position.byteOffset);
    this.#applied = view.getFloat64(0);
    this.#logTimeMs = view.getFloat64(8);
  }

  /** Number of the last decree applied. */
  get applied(): number {
    return this.#applied;
  }

  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** One outcome per command, in order. */
  apply(number: number, decree: Decree): readonly Outcome[] {
    assert(number === this.#applied + 1, `decree ${number} to apply after ${this.#applied}`);
    const transaction = new Transaction(this.#store);
    this.#logTimeMs += decree.elapsedMs;
    const context = { number, logTimeMs: this.#logTimeMs };
    const outcomes = decree.commands.map((command) => this.#one(transaction, command, context));
    this.#applied = number;
    transaction.put(POSITION_KEY, this.#position());
    transaction.commit();
    return outcomes;
  }

  /** Answers from what is applied here: of the past, when others are ahead. */
  query(payload: Uint8Array): Uint8Array {
    return this.#machine.query(payload, this.#store);
  }

  #one(transaction: Transaction, command: Command, context: ApplyContext): Outcome {
    switch (command.kind) {
      case "register":
        return this.#sessions.register(transaction, context.number);
      case "update":
        return this.#sessions.once(transaction, context.number, command, () =>
          this.#change(transaction, command.payload, context),
        );
      case "idempotent":
        return { kind: "result", result: this.#change(transaction, command.payload, context) };
      case "read":
        return answerTo(this.#machine.query(command.payload, transaction));
      default:
        return command.kind satisfies never;
    }
  }

  #change(transaction: Transaction, payload: Uint8Array, context: ApplyContext): Uint8Array {
    const result = this.#machine.apply(payload, transaction, context);
    assert(result.byteLength <= RESULT_BYTES_MAX, `result of ${result.byteLength} bytes: at most ${RESULT_BYTES_MAX}`);
    return result;
  }

  #position(): Uint8Array {
    const view = new DataView(new ArrayBuffer(16));
    view.setFloat64(0, this.#applied);
    view.setFloat64(8, this.#logTimeMs);
    return new Uint8Array(view.buffer);
  }
}

function answerTo(result: Uint8Array): Outcome {
  if (result.byteLength <= RESULT_BYTES_MAX) return { kind: "result", result };
  const message = `answer of ${result.byteLength} bytes: at most ${RESULT_BYTES_MAX} are sent; ask for a part of it`;
  return { kind: "refused", code: "too-large", message };
}
