import type { ApplyContext } from "@halon/replicated-log";
import type { StateDraft, StateView } from "./state-view.ts";
import type { ValueCodec } from "./value-codec.ts";

/** Changes a state and answers. Deterministic: no clock, chance or IO, nothing but state, arguments and context. */
export type Commands<Value> = Readonly<
  Record<string, (state: StateDraft<Value>, args: never, context: ApplyContext) => unknown>
>;

/** Looks at a state and answers. */
export type Projections<Value> = Readonly<Record<string, (state: StateView<Value>, args: never) => unknown>>;

/** The arguments that a command or a projection takes; `unknown` when it takes none. */
export type ArgsOf<Function> = Function extends (state: never, args: infer Args, context: never) => unknown
  ? Args
  : never;

export type AnswerOf<Function> = Function extends (...args: never) => infer Answer ? Answer : never;

/**
 * A replicated state: what is in it, how it is changed and how it is looked at. Arguments and answers travel as JSON, values
 * stand in the state as `values` says. The same on all members; a command that is there once keeps its meaning, since the log
 * may have to be applied again.
 */
export interface StateDefinition<
  Value,
  Command extends Commands<Value> = Commands<Value>,
  Projection extends Projections<Value> = Projections<Value>,
> {
  readonly values: ValueCodec<Value>;
  readonly commands: Command;
  readonly projections: Projection;
  /**
   * Looks at the arguments of a command or projection as they came from outside, and returns or throws; where they are sent, so that
   * the sender is told why, and on each member, as others may send too.
   */
  readonly checks?: { readonly [Name in keyof Command | keyof Projection]?: (args: unknown) => unknown };
}

/** Declares a replicated state; with `stateMachine` it is one, with `DataStore` it is used. */
export const defineState = <Value, const Command extends Commands<Value>, const Projection extends Projections<Value>>(
  definition: StateDefinition<Value, Command, Projection>,
): StateDefinition<Value, Command, Projection> => definition;
