import {
  checkLinearizable,
  type Invariant,
  type LinearizabilityVerdict,
  type Operation,
  partition,
} from "@halon/simulation";
import { type ListInput, listModel } from "./list-machine.ts";

type ListOperation = Operation<ListInput, string>;

interface Entry {
  readonly input: ListInput;
  readonly calledAt: number;
  output: string | undefined;
  endedAt: number;
}

/** What all clients have asked and been told, in one order. */
export class History {
  readonly #entries: Entry[] = [];
  #events = 0;

  get called(): number {
    return this.#entries.length;
  }

  get answered(): number {
    return this.#entries.filter(({ output }) => output !== undefined).length;
  }

  /** A call is made. Returns what is to be called with its answer; if there is none, it stays unknown. */
  call(input: ListInput): (output: string) => void {
    const entry: Entry = { input, calledAt: ++this.#events, output: undefined, endedAt: Number.POSITIVE_INFINITY };
    this.#entries.push(entry);
    return (output) => {
      entry.output = output;
      entry.endedAt = ++this.#events;
    };
  }

  /** G2: there is one order of all operations that explains all answers. */
  get linearizable(): Invariant {
    return {
      name: "linearizable",
      citation: "Herlihy and Wing 1990; promise G2",
      when: "end",
      check: () => this.#check(),
    };
  }

  #check(): string | undefined {
    for (const [key, operations] of partition<ListInput, string>(this.#entries, (input) => input.key)) {
      const verdict = judge(operations);
      if (verdict.kind === "linearizable") continue;
      if (verdict.kind === "undecided") return `key ${key}: undecided after ${verdict.states} states`;
      const stuck = JSON.stringify(operations.find((each) => each === verdict.stuck));
      return `key ${key}: after ${verdict.longest} of ${operations.length} operations, none fits before ${stuck} ended`;
    }
    return undefined;
  }
}

/** Some answer with each element: the list up to the element is what it was right after it was added. */
function listsByElement(operations: readonly ListOperation[]): ReadonlyMap<string, string> {
  const lists = new Map<string, string>();
  for (const { output } of operations) for (const element of output?.split(" ") ?? []) lists.set(element, output ?? "");
  return lists;
}

/**
 * An operation without an answer whose element is in no answer most likely never happened: it is left out at first, as
 * each such operation doubles the search. Only if no order is found so, all are looked at. One whose element is in an
 * answer can have happened in one place only.
 */
function judge(operations: readonly ListOperation[]): LinearizabilityVerdict<ListOperation> {
  const lists = listsByElement(operations);
  const model: typeof listModel = {
    ...listModel,
    step(before, input, output) {
      const after = listModel.step(before, input, output);
      if (after === undefined || output !== undefined || input.op === "read") return after;
      return `${lists.get(input.element) ?? after} `.startsWith(`${after} `) ? after : undefined;
    },
  };
  const matters = operations.filter(
    ({ input, output }) => output !== undefined || (input.op !== "read" && lists.has(input.element)),
  );
  const verdict = checkLinearizable(model, matters);
  if (verdict.kind !== "violation") return verdict;
  return checkLinearizable(
    model,
    operations.filter(({ input, output }) => output !== undefined || input.op !== "read"),
  );
}
