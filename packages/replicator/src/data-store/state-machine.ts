import { readState, type StateMachine, type Transaction } from "@halon/replicated-log";
import type { Commands, Projections, StateDefinition } from "./define-state.ts";
import { StateRefusal } from "./state-refusal.ts";
import { TypedDraft, TypedView } from "./state-view.ts";
import { parseBounded } from "./value-codec.ts";

/**
 * Why a call was not done, nothing was changed. `unknown-name`: members know no such command or projection; `malformed`: they do not
 * take such arguments; `refused`: by the command itself; `failed`: it threw.
 */
export type CallErrorCode = "unknown-name" | "malformed" | "refused" | "failed";

export interface CallError {
  readonly code: CallErrorCode;
  readonly message: string;
}

/** What a call came to; `index`, of a projection: the decree as of which it is so. */
export type CallAnswer =
  | { readonly index?: number; readonly answer?: unknown }
  | { readonly index?: number; readonly error: CallError };

interface Call {
  readonly name: string;
  readonly args: unknown;
}

const encoder = new TextEncoder();

export const encodeCall = (name: string, args: unknown): Uint8Array => encoder.encode(JSON.stringify({ name, args }));

/** `undefined` for what is no answer. */
export function decodeAnswer(bytes: Uint8Array): CallAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof answer === "object" && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of an error must be the same on all members: only a refusal's own message is in it. */
const errorOf = (code: CallErrorCode, message: string): CallAnswer => ({ error: { code, message } });

function decodeCall(payload: Uint8Array): Call | undefined {
  try {
    const call = parseBounded(payload) as Partial<Call> | null;
    return typeof call?.name === "string" ? { name: call.name, args: call.args } : undefined;
  } catch {
    return undefined;
  }
}

/** The state machine of a definition: for `LogMember` and `MemoryReplicator`. */
export function stateMachine<Value>(
  definition: StateDefinition<Value, Commands<Value>, Projections<Value>>,
): StateMachine {
  const { values, commands, projections } = definition;
  return {
    apply(payload, state, context) {
      const draft = new TypedDraft(state, values);
      return answerCall(definition, commands, payload, (command, args) => command(draft, args, context), state);
    },
    query(payload, view) {
      const { applied: index } = readState({ get: (key) => view.get(key) });
      const typed = new TypedView(view, values);
      const ask = (projection: Projections<Value>[string], args: never): unknown => projection(typed, args);
      return answerCall(definition, projections, payload, ask, { index });
    },
  };
}

function answerCall<Function, Value>(
  { checks }: StateDefinition<Value>,
  functions: Readonly<Record<string, Function>>,
  payload: Uint8Array,
  run: (found: Function, args: never) => unknown,
  where: Transaction | { readonly index: number },
): Uint8Array {
  const index = "index" in where ? { index: where.index } : {};
  const say = (answer: CallAnswer): Uint8Array => encoder.encode(JSON.stringify({ ...index, ...answer }));
  const call = decodeCall(payload);
  if (call === undefined) return say(errorOf("malformed", "these bytes are no call of a data store"));
  const found = Object.hasOwn(functions, call.name) ? functions[call.name] : undefined;
  if (found === undefined)
    return say(errorOf("unknown-name", `members know no ${JSON.stringify(call.name.slice(0, 80))}`));
  let args: unknown;
  try {
    const check = checks !== undefined && Object.hasOwn(checks, call.name) ? checks[call.name] : undefined;
    args = check?.(call.args) ?? call.args;
  } catch {
    return say(errorOf("malformed", `members do not take these arguments of ${call.name}`));
  }
  try {
    return say({ answer: run(found, args as never) });
  } catch (error) {
    if ("rollback" in where) where.rollback();
    if (error instanceof StateRefusal) return say(errorOf("refused", error.message));
    return say(errorOf("failed", `${call.name} threw on the members: a mistake in it, or in what it was given`));
  }
}
