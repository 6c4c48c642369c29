import type { Membership } from "@halon/consensus";
import {
  type AppliedStore,
  Applier,
  type Decree,
  type Outcome,
  type SessionLimits,
  type StateMachine,
} from "@halon/replicated-log";

/** The state that this member has applied, as long as there is one to be used. */
export class AppliedState {
  readonly #store: AppliedStore;
  readonly #machine: StateMachine;
  readonly #sessions: Partial<SessionLimits>;
  #applier: Applier | undefined;

  constructor(store: AppliedStore, machine: StateMachine, sessions: Partial<SessionLimits> = {}) {
    this.#store = store;
    this.#machine = machine;
    this.#sessions = sessions;
  }

  /** What is in the store is sound: from now on it is used. */
  open(): void {
    this.#applier = new Applier(this.#store, this.#machine, this.#sessions);
  }

  /** It is about to be replaced. */
  close(): void {
    this.#applier = undefined;
  }

  /** 0 while closed, as is {@link logTimeMs}. */
  get applied(): number {
    return this.#applier?.applied ?? 0;
  }

  get logTimeMs(): number {
    return this.#applier?.logTimeMs ?? 0;
  }

  /** Who votes on the next decree, as far as the state says. */
  get membership(): Membership | undefined {
    return this.#applier?.membership?.membership;
  }

  get digest(): string | undefined {
    return this.#applier?.digest;
  }

  /** `undefined` while closed: nothing was applied. */
  apply(number: number, decree: Decree, membership: Membership | undefined): readonly Outcome[] | undefined {
    return this.#applier?.apply(number, decree, membership);
  }

  answer(payload: Uint8Array): Outcome {
    return this.#applier?.answer(payload) ?? { kind: "unknown" };
  }

  query(payload: Uint8Array): Uint8Array | undefined {
    return this.#applier?.query(payload);
  }
}
