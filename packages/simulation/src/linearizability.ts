import { assert } from "@halon/runtime";

/**
 * One call of one client. `calledAt` and `endedAt` are places in one order of all events: numbers of them, or times by one
 * clock, where events of one time count as concurrent.
 */
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

/** Whether all operations can be explained, each key by itself; the first key that cannot, or is too hard. */
export type HistoryVerdict<Operation> =
  | { readonly kind: "linearizable"; readonly operations: number }
  | (Exclude<LinearizabilityVerdict<Operation>, { kind: "linearizable" }> & {
      readonly key: string;
      readonly operations: number;
    });

/** {@link checkLinearizable} for operations that each touch one key only: each key by itself, which is sound and fast. */
export function checkHistory<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  keyOf: (input: Input) => string,
  statesMax = STATES_MAX_DEFAULT,
): HistoryVerdict<Operation<Input, Output>> {
  for (const [key, part] of partition(operations, keyOf)) {
    const verdict = checkLinearizable(model, part, statesMax);
    if (verdict.kind !== "linearizable") return { ...verdict, key, operations: part.length };
  }
  return { kind: "linearizable", operations: operations.length };
}

/** Events in order as a doubly linked list after a head, so that operations can be taken out and put back. */
function link<Input, Output>(operations: readonly Operation<Input, Output>[]): Event {
  const points = operations.flatMap(({ calledAt, endedAt, output }, operation) => {
    assert(output === undefined || endedAt >= calledAt, `operation ${operation} ends at ${endedAt}, before its call`);
    const call = { at: calledAt, operation, isCall: true };
    return output === undefined ? [call] : [call, { at: endedAt, operation, isCall: false }];
  });
  const head: Event = { operation: -1, isCall: false, match: undefined, next: undefined } as unknown as Event;
  const calls = new Map<number, Event>();
  let last = head;
  for (const { operation, isCall } of points.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall))) {
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

/**
 * A set of operations as bits, in the order of their calls: what is taken is mostly all up to some place and a few
 * beyond, so that its key is short.
 */
class TakenSet {
  readonly #words: Uint32Array;
  /** All words before this one are full. */
  #low = 0;
  /** All words from this one on are empty. */
  #high = 0;

  constructor(count: number) {
    this.#words = new Uint32Array(Math.ceil(count / 32));
  }

  flip(operation: number): void {
    const words = this.#words;
    const at = operation >> 5;
    words[at] = (words[at] as number) ^ (1 << (operation & 31));
    this.#low = Math.min(this.#low, at);
    while (words[this.#low] === 0xffffffff) this.#low++;
    this.#high = Math.max(this.#high, at + 1);
    while (this.#high > 0 && words[this.#high - 1] === 0) this.#high--;
  }

  /** Equal for equal sets, and for no others. */
  get key(): string {
    let key = `${this.#low}`;
    for (let at = this.#low; at < this.#high; at++) key += `,${this.#words[at]}`;
    return key;
  }
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #statesMax: number;
  readonly #head: Event;
  /** The order so far, with the state before each, and the one after the last. */
  readonly #order: { readonly call: Event; readonly before: State }[] = [];
  #state: State;
  /** Which operations are in the order. */
  readonly #taken: TakenSet;
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
    this.#operations = operations.toSorted((a, b) => a.calledAt - b.calledAt);
    this.#statesMax = statesMax;
    this.#head = link(this.#operations);
    this.#state = model.initial;
    this.#taken = new TakenSet(operations.length);
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
    this.#taken.flip(call.operation);
    const key = `${this.#taken.key}/${this.#model.keyOf(after)}`;
    if (this.#visited.has(key)) {
      this.#taken.flip(call.operation);
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
    this.#taken.flip(call.operation);
    relink(call);
    if (call.match === undefined) return;
    this.#missing++;
    relink(call.match);
  }

  #noteStuck(event: Event | undefined): void {
    if (event === undefined || this.#order.length < this.#longest) return;
    this.#longest = this.#order.length;
    this.#stuck = this.#operations[event.operation];
  }
}
