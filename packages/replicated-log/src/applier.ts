import { assert, type Membership } from "@halon/consensus";
import { type Command, type Decree, type Outcome, RESULT_BYTES_MAX, refuse } from "./command.ts";
import { DIGEST_KEY, digestOf, INSTALLING_KEY, POSITION_KEY, StateDigest } from "./digest.ts";
import { refuseResult } from "./results.ts";
import { SESSION_MS, SESSIONS_MAX, type SessionLimits, Sessions } from "./sessions.ts";
import { type AppliedMembership, decodeMembership, encodeMembership } from "./state-codec.ts";
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
 * Results are at most {@link RESULT_BYTES_MAX} long: a command with a longer one changes nothing, and is refused as
 * `too-large`, as is a query with a longer answer.
 */
export interface StateMachine {
  /** Changes the state and returns what the client is told. */
  apply(payload: Uint8Array, state: Transaction, context: ApplyContext): Uint8Array;
  /** Answers from the state. */
  query(payload: Uint8Array, state: View): Uint8Array;
}

/** Who votes, and from which decree on. Absent until the first decree of the first reign is applied. */
export const MEMBERSHIP_KEY = "~membership";

/** What the store says about the state in it. */
export interface StoredState {
  /** Number of the last decree applied. */
  readonly applied: number;
  readonly logTimeMs: number;
  /** In force at the next decree. */
  readonly membership: AppliedMembership | undefined;
  /** As of {@link StateDigest}; `undefined` for a store that was written by nobody who keeps one. */
  readonly digest: string | undefined;
}

/** Reads position, membership and digest from a store or a snapshot of one. */
export function readState(view: Pick<View, "get">): StoredState {
  const position = view.get(POSITION_KEY);
  const numbers = position && new DataView(position.buffer, position.byteOffset, position.byteLength);
  const membership = view.get(MEMBERSHIP_KEY);
  const digest = view.get(DIGEST_KEY);
  return {
    applied: numbers?.getFloat64(0) ?? 0,
    logTimeMs: numbers?.getFloat64(8) ?? 0,
    membership: membership && decodeMembership(membership),
    digest: digest && new TextDecoder().decode(digest),
  };
}

/** Applies decrees to the store, in order, each exactly once: state, sessions, position and digest move in one batch. */
export class Applier {
  readonly #store: AppliedStore;
  readonly #machine: StateMachine;
  readonly #sessions: Sessions;
  readonly #digest: StateDigest;
  #applied: number;
  #logTimeMs: number;
  #membership: AppliedMembership | undefined;

  /**
   * Takes up what the store holds; after another's state was installed in it, a new one is made, and none is used meanwhile.
   * `limits`: the same on all replicas, for ever, as they decide what is in the state.
   */
  constructor(store: AppliedStore, machine: StateMachine, limits: Partial<SessionLimits> = {}) {
    assert(
      store.get(INSTALLING_KEY) === undefined,
      "a state that is being replaced by that of a peer is not to be used",
    );
    this.#store = store;
    this.#machine = machine;
    this.#sessions = new Sessions(store, { sessionMs: SESSION_MS, sessionsMax: SESSIONS_MAX, ...limits });
    const { applied, logTimeMs, membership, digest } = readState(store);
    this.#applied = applied;
    this.#logTimeMs = logTimeMs;
    this.#membership = membership;
    this.#digest = StateDigest.parse(digest ?? digestOf(store));
  }

  /** Number of the last decree applied. */
  get applied(): number {
    return this.#applied;
  }

  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** Who votes on the next decree; `undefined` until the first decree of the first reign is applied. */
  get membership(): AppliedMembership | undefined {
    return this.#membership;
  }

  /** Of the state as of `applied`: the same on all replicas. */
  get digest(): string {
    return this.#digest.toString();
  }

  get sessions(): number {
    return this.#sessions.count;
  }

  /** One outcome per command, in order. `membership`: the decree was a reconfiguration, and this is in force after it. */
  apply(number: number, decree: Decree, membership?: Membership): readonly Outcome[] {
    assert(number === this.#applied + 1, `decree ${number} to apply after ${this.#applied}`);
    const transaction = new Transaction(this.#store);
    this.#logTimeMs += decree.elapsedMs;
    const context = { number, logTimeMs: this.#logTimeMs };
    if (decree.inForce !== undefined) this.#learn(transaction, decree.inForce, number);
    this.#sessions.begin(transaction, number, this.#logTimeMs);
    const outcomes = decree.commands.map((command) => this.#one(transaction, command, context));
    this.#sessions.end(transaction);
    if (membership !== undefined) this.#setMembership(transaction, { membership, first: number + 1 });
    this.#applied = number;
    this.#commit(transaction);
    return outcomes;
  }

  /** What a `read` or a `stale` is told. */
  answer(payload: Uint8Array): Outcome {
    const result = this.query(payload);
    if (result.byteLength <= RESULT_BYTES_MAX) return { kind: "result", result };
    const message = `answer of ${result.byteLength} bytes: at most ${RESULT_BYTES_MAX} are sent; ask for a part of it`;
    return refuse("too-large", message);
  }

  /** Answers from what is applied here, at any length: of the past, when others are ahead. */
  query(payload: Uint8Array): Uint8Array {
    return this.#machine.query(payload, this.#store);
  }

  #one(transaction: Transaction, command: Command, context: ApplyContext): Outcome {
    switch (command.kind) {
      case "register":
        return this.#sessions.register(transaction);
      case "update":
        return this.#once(transaction, command, context);
      case "idempotent":
        return this.#change(transaction, command.payload, context);
      case "read":
      case "stale":
      case "reconfigure":
      case "unsupported":
        // Only a leader of another version puts it there. The rest of the decree is good.
        return refuse("malformed", `a command of kind ${command.kind} is nothing that this version applies`);
      default:
        return command.kind satisfies never;
    }
  }

  #once(transaction: Transaction, command: Command, context: ApplyContext): Outcome {
    const known = this.#sessions.recall(transaction, command);
    if (known !== undefined) return known;
    const outcome = this.#change(transaction, command.payload, context);
    this.#sessions.note(command, outcome);
    return outcome;
  }

  #change(transaction: Transaction, payload: Uint8Array, context: ApplyContext): Outcome {
    transaction.savepoint();
    const result = this.#machine.apply(payload, transaction, context);
    if (result.byteLength <= RESULT_BYTES_MAX) return { kind: "result", result };
    transaction.rollback();
    return refuseResult();
  }

  /** The founding one, or that of a group recovered from this state. All others came by reconfigurations. */
  #learn(transaction: Transaction, membership: Membership, number: number): void {
    const known = this.#membership?.membership.legislature ?? 0;
    if (membership.legislature <= known) return;
    this.#setMembership(transaction, { membership, first: known === 0 ? 1 : number });
  }

  #setMembership(transaction: Transaction, membership: AppliedMembership): void {
    this.#membership = membership;
    transaction.put(MEMBERSHIP_KEY, encodeMembership(membership));
  }

  #commit(transaction: Transaction): void {
    transaction.visit((key, after) => this.#digest.change(key, this.#store.get(key), after));
    const position = new DataView(new ArrayBuffer(16));
    position.setFloat64(0, this.#applied);
    position.setFloat64(8, this.#logTimeMs);
    transaction.put(POSITION_KEY, new Uint8Array(position.buffer));
    transaction.put(DIGEST_KEY, new TextEncoder().encode(this.digest));
    transaction.commit();
  }
}
