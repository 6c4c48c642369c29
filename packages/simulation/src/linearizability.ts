import { assert } from "@halon/runtime";

/** One call of one client. `calledAt` and `endedAt` are places in one order of all events, not times. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** Undefined when the caller does not know: it may have happened at any place after the call, or never. */
  readonly output: Output | undefined;
  readonly calledAt: number;
  /** Not looked at when there is no output. */
  readonly endedAt: number;
}

/** What one thing does when operated upon one call after the other. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /** The state after the operation; undefined when `output` could not have come from this state. An undefined output fits any state. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states, and for no others. */
  keyOf(state: State): string;
}

export type LinearizabilityVerdict<Operation> =
  | { readonly kind: "linearizable" }
  /** In the longest order found, so many operations long, none of the rest fits before `stuck` has ended. */
  | { readonly kind: "violation"; readonly longest: number; readonly stuck: Operation | undefined }
  /** The search was given up after so many states: nothing is known. */
  | { readonly kind: "undecided"; readonly states: number };

/** States that a search may visit. */
export const STATES_MAX_DEFAULT = 500_000;

/** A call or a return. */
interface Event {
  readonly operation: number;
  readonly isCall: boolean;
  /** The return of a call; undefined for one that never came. */
  match: Event | undefined;
  previous: Event;
  next: Event | undefined;
}

/**
 * Whether there is one order of the operations that agrees with the outputs, and in which no operation comes before one
 * that had ended when it was called. Wing and Gong 1993, with the memory of visited states of Lowe, "Testing for
 * linearizability", 2017. Operations that cannot meet (on different keys) are checked apart: see {@link partition}.
 */
export function checkLinearizable<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  statesMax = STATES_MAX_DEFAULT,
): LinearizabilityVerdict<Operation<Input, Output>> {
  return new Search(model, operations, statesMax).verdict();
}

/** Operations by key, in their order. Sound when an operation touches one key only. */
export function partition<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  keyOf: (input: Input) => string,
): ReadonlyMap<string, readonly Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const key = keyOf(operation.input);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return parts;
}

/** Events in order as a doubly linked list after a head, so that operations can be taken out and put back. */
function link<Input, Output>(operations: readonly Operation<Input, Output>[]): Event {
  const points = operations.flatMap(({ calledAt, endedAt, output }, operation) => {
    assert(output === undefined || endedAt > calledAt, `operation ${operation} ends at ${endedAt}, before its call`);
    const call = { at: calledAt, operation, isCall: true };
    return output === undefined ? [call] : [call, { at: endedAt, operation, isCall: false }];
  });
  const head: Event = { operation: -1, isCall: false, match: undefined, next: undefined } as unknown as Event;
  const calls = new Map<number, Event>();
  let last = head;
  for (const { operation, isCall } of points.sort((a, b) => a.at - b.at)) {
    const event: Event = { operation, isCall, match: undefined, previous: last, next: undefined };
    last.next = event;
    last = event;
    const call = calls.get(operation);
    if (call === undefined) calls.set(operation, event);
    else call.match = event;
  }
  return head;
}

function unlink(event: Event): void {
  event.previous.next = event.next;
  if (event.next !== undefined) event.next.previous = event.previous;
}

function relink(event: Event): void {
  event.previous.next = event;
  if (event.next !== undefined) event.next.previous = event;
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #statesMax: number;
  readonly #head: Event;
  /** The order so far, with the state before each, and the one after the last. */
  readonly #order: { readonly call: Event; readonly before: State }[] = [];
  #state: State;
  /** Which operations are in the order: one bit each. */
  readonly #taken: Uint32Array;
  readonly #visited = new Set<string>();
  /** Operations with an output that are not in the order yet. */
  #missing: number;
  #longest = 0;
  #stuck: Operation<Input, Output> | undefined;

  constructor(
    model: SequentialModel<State, Input, Output>,
    operations: readonly Operation<Input, Output>[],
    statesMax: number,
  ) {
    this.#model = model;
    this.#operations = operations;
    this.#statesMax = statesMax;
    this.#head = link(operations);
    this.#state = model.initial;
    this.#taken = new Uint32Array(Math.ceil(operations.length / 32));
    this.#missing = operations.filter(({ output }) => output !== undefined).length;
  }

  verdict(): LinearizabilityVerdict<Operation<Input, Output>> {
    let event = this.#head.next;
    while (this.#missing > 0) {
      if (this.#visited.size >= this.#statesMax) return { kind: "undecided", states: this.#visited.size };
      if (event?.isCall) {
        event = this.#maybeTake(event) ? this.#head.next : event.next;
        continue;
      }
      // A return of an operation that no order has room for, or the end: the last choice was wrong.
      this.#noteStuck(event);
      const last = this.#order.pop();
      if (last === undefined) return { kind: "violation", longest: this.#longest, stuck: this.#stuck };
      this.#giveBack(last.call, last.before);
      event = last.call.next;
    }
    return { kind: "linearizable" };
  }

  /** Puts an operation next in the order, if its output fits and it leads somewhere new. */
  #maybeTake(call: Event): boolean {
    const { input, output } = this.#operations[call.operation] as Operation<Input, Output>;
    const after = this.#model.step(this.#state, input, output);
    if (after === undefined) return false;
    this.#flip(call.operation);
    const key = `${this.#taken.join(",")}/${this.#model.keyOf(after)}`;
    if (this.#visited.has(key)) {
      this.#flip(call.operation);
      return false;
    }
    this.#visited.add(key);
    this.#order.push({ call, before: this.#state });
    this.#state = after;
    if (call.match !== undefined) {
      this.#missing--;
      unlink(call.match);
    }
    unlink(call);
    return true;
  }

  #giveBack(call: Event, before: State): void {
    this.#state = before;
    this.#flip(call.operation);
    relink(call);
    if (call.match === undefined) return;
    this.#missing++;
    relink(call.match);
  }

  #flip(operation: number): void {
    const at = operation >> 5;
    this.#taken[at] = (this.#taken[at] as number) ^ (1 << (operation & 31));
  }

  #noteStuck(event: Event | undefined): void {
    if (event === undefined || this.#order.length < this.#longest) return;
    this.#longest = this.#order.length;
    this.#stuck = this.#operations[event.operation];
  }
}
