import type { GraphDraft, GraphView, VertexValue } from "@halon/resource-graph";
import type { EventType } from "./event-type.ts";
import {
  type Answer,
  type CommandOptions,
  Operation,
  type Request,
  Wait,
  type WaitRequest,
  type Won,
} from "./operation.ts";

/**
 * All that a rule can do, each by `yield*`. What is yielded is journaled: on replay the same result comes back and nothing
 * is done again. Code between two yields must depend on nothing else: no clock, no chance, no variable outside of `run`.
 *
 * What a rule does between two waits is one *step*: it happens as a whole or, if anything in it throws, not at all, and
 * is tried again later. A rule cannot catch what the functions it hands in throw; let them return a value instead.
 */
export class RuleContext {
  /** Id of the event that began this run. */
  readonly eventId: string;
  readonly #asked = new Set<Request>();

  constructor(eventId: string) {
    this.eventId = eventId;
  }

  /** Looks at the graph. The result is plain JSON, at most 64 KiB; what reaches the rule is a copy. */
  read<Result>(look: (graph: GraphView) => Result): Operation<Result> {
    return this.#operation({ kind: "read", look });
  }

  /** Changes the graph. The result is as with `read`. */
  update<Result>(change: (draft: GraphDraft) => Result): Operation<Result> {
    return this.#operation({ kind: "update", change });
  }

  /**
   * Waits for an event of that type, which the rule lists in `waits`, for which `matches` is true; others pass by. It sees
   * events from when the wait before it ended. `matches` must be a pure function of the event.
   */
  on<Event>(type: EventType<Event>, matches: (event: Event) => boolean = () => true): Wait<Event> {
    return new Wait({ kind: "on", type, matches });
  }

  /** Waits for that much log time, at least a millisecond: never shorter, also when coordinators change meanwhile. */
  after(ms: number): Wait<true> {
    return new Wait({ kind: "after", ms });
  }

  /** Puts a command into the outbox and waits for its answer. One that loses a race is not taken back. */
  tell(node: string, payload: Uint8Array, options: CommandOptions = {}): Wait<Answer> {
    const wait = new Wait<Answer>({ kind: "tell", node, payload, ...options });
    this.#asked.add(wait.request);
    return wait;
  }

  /** Waits for the first of several. If one input ends more than one, the first listed wins; the losers are forgotten. */
  race<Waits extends Readonly<Record<string, Wait<unknown>>>>(waits: Waits): Wait<Won<Waits>> {
    const listed = Object.entries(waits).map(([name, wait]) => [name, wait.request] as const);
    for (const [, request] of listed) this.#asked.delete(request);
    return new Wait({ kind: "race", waits: listed });
  }

  /** Puts a command into the outbox, without waiting. Gives its id. */
  send(node: string, payload: Uint8Array, options: CommandOptions = {}): Operation<string> {
    return this.#operation({ kind: "send", node, payload, ...options });
  }

  /** Writes into the decision log: what was decided, and from which facts. */
  decide(outcome: string, facts: VertexValue = {}): Operation<void> {
    return this.#operation({ kind: "decide", outcome, facts });
  }

  /** Log time, milliseconds. */
  now(): Operation<number> {
    return this.#operation({ kind: "now" });
  }

  /** Uniform in [0, 1). */
  random(): Operation<number> {
    return this.#operation({ kind: "random" });
  }

  /** A setting of the cluster, or `fallback` where it is not set. One of another type than `fallback` throws. */
  variable<Value extends boolean | number | string>(name: string, fallback: Value): Operation<Widened<Value>> {
    return this.#operation({ kind: "variable", name, fallback });
  }

  /** For the engine: notes that a request was made. */
  made(request: Request): void {
    this.#asked.delete(request);
  }

  /** For the engine: kinds of operations that would have done something, but were never yielded. */
  forgotten(): readonly string[] {
    return [...this.#asked].map(({ kind }) => kind);
  }

  #operation<Result>(request: Exclude<Request, WaitRequest>): Operation<Result> {
    const operation = new Operation<Result>(request);
    this.#asked.add(request);
    return operation;
  }
}

/** `1500` as a fallback stands for any number. */
export type Widened<Value> = Value extends number ? number : Value extends string ? string : boolean;
