import type { RuleContext } from "./context.ts";
import type { EventType } from "./event-type.ts";
import { checkedRuleName } from "./names.ts";
import { Operation, type Request } from "./operation.ts";
import { RulesError } from "./rules-error.ts";

/** A procedure while it runs: a rule's `run`, or a part of it that is called by `yield*`. */
export type RuleRun<Result = void> = Generator<Request, Result, unknown>;

export interface RuleSpec<Event> {
  /** Whole number, raised whenever `run` changes what it yields: instances begun by another version are parked. */
  readonly version: number;
  /** Each event of this type begins an instance, or is merged into the one that runs for its key. */
  readonly on: EventType<Event>;
  /** Types that `run` waits for. */
  readonly waits?: readonly EventType<unknown>[];
  /** What the event is about, not empty: there is one instance per rule and key. */
  key(event: Event): string;
  /** The procedure. An operation that it returns is done as well; other results are nobody's. */
  run(ctx: RuleContext, event: Event): RuleRun<unknown>;
}

/** A rule, its event's type forgotten. */
export interface Rule {
  readonly name: string;
  readonly version: number;
  readonly on: EventType<unknown>;
  /** By name; all that an instance may wait for. */
  readonly waits: ReadonlyMap<string, EventType<unknown>>;
  keyOf(event: unknown): string;
  begin(ctx: RuleContext, event: unknown): RuleRun<unknown>;
}

/** Declares a rule. Throws `bad-declaration`. */
export function rule<Event>(name: string, spec: RuleSpec<Event>): Rule {
  checkedRuleName("rule", name);
  const { version, on, waits = [] } = spec;
  if (!Number.isSafeInteger(version) || version < 1)
    throw new RulesError("bad-declaration", `rule ${name}: its version is ${version}; whole numbers from 1 on are`);
  return Object.freeze({
    name,
    version,
    on,
    waits: new Map([on, ...waits].map((type) => [type.name, type])),
    // The engine hands in only what `on.decode` returned.
    keyOf: (event: unknown) => spec.key(event as Event),
    *begin(ctx: RuleContext, event: unknown): RuleRun<unknown> {
      const last = yield* spec.run(ctx, event as Event);
      return last instanceof Operation ? yield* last : undefined;
    },
  });
}
