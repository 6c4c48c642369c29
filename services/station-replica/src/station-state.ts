import { clear, enqueue, registerProducer } from "@halon/event-queue";
import { decodeStateCommand, encodeStateResult, ProtoError, type StateCommand, type StateResult } from "@halon/proto";
import type { ApplyContext, StateMachine, Transaction, View } from "@halon/replicated-log";
import { checkpoint, grantLease, noteClearing } from "./coordinator-state.ts";

/**
 * The station's state: events, graph, rule instances, outbox, decisions and the coordinator's lease in one key space, so
 * that a checkpoint is atomic over all of them. Every command does no harm when repeated.
 */
export class StationState implements StateMachine {
  readonly #onLeaseChange: () => void;
  #malformed = 0;

  /** `onLeaseChange`: after a command that renewed or granted the lease. */
  constructor(onLeaseChange: () => void) {
    this.#onLeaseChange = onLeaseChange;
  }

  /** Commands that this version cannot read, applied since the start of the process: each was refused, and changed nothing. */
  get malformed(): number {
    return this.#malformed;
  }

  apply(payload: Uint8Array, state: Transaction, context: ApplyContext): Uint8Array {
    let result: StateResult;
    try {
      result = this.#command(decodeStateCommand(payload), state, context);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.#malformed++;
      result = { kind: "malformed", value: error.message };
    }
    return encodeStateResult(result);
  }

  /** Reads through the log are of single keys: a key in, its value out, nothing for none. */
  query(payload: Uint8Array, state: View): Uint8Array {
    return state.get(new TextDecoder().decode(payload)) ?? new Uint8Array(0);
  }

  #command(command: StateCommand, state: Transaction, { logTimeMs }: ApplyContext): StateResult {
    switch (command.kind) {
      case "enqueue":
        return { kind: "enqueue", value: { outcomes: enqueue(state, command.value, logTimeMs) } };
      case "registerProducer":
        return { kind: "register", value: { registered: registerProducer(state, command.value, logTimeMs) } };
      case "clearQueue": {
        const value = clear(state, command.value);
        noteClearing(state, command.value, value, logTimeMs);
        return { kind: "clear", value };
      }
      case "grantLease": {
        const value = grantLease(state, command.value, logTimeMs);
        if (value.granted) this.#onLeaseChange();
        return { kind: "lease", value };
      }
      case "checkpoint": {
        const value = checkpoint(state, command.value, logTimeMs);
        if (value.applied) this.#onLeaseChange();
        return { kind: "checkpoint", value };
      }
      default:
        return command satisfies never;
    }
  }
}
