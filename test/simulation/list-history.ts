import { checkLinearizable, History, type LinearizabilityVerdict, type Operation, partition } from "@halon/simulation";
import { type ListInput, listModel, shownBy } from "./list-machine.ts";

type ListOperation = Operation<ListInput, string>;

/** What clients have asked of the lists and been told. Stale reads do not belong here: they promise less. */
export class ListHistory extends History<ListInput, string> {
  /** What no order of the operations explains; undefined when there is one. */
  judge(): string | undefined {
    for (const [key, operations] of partition(this.operations, (input) => input.key)) {
      const verdict = judgeList(operations);
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
  for (const { output = "" } of operations) {
    const list = shownBy(output);
    for (const element of list.split(" ")) lists.set(element, list);
  }
  return lists;
}

/**
 * Operations without an answer double the search each, so those that cannot matter are left out. A list is shown by every
 * answer that depends on it: one whose element is in no answer may as well never have happened. One whose element is in an
 * answer can have happened in one place only.
 */
function judgeList(operations: readonly ListOperation[]): LinearizabilityVerdict<ListOperation> {
  const lists = listsByElement(operations);
  const model: typeof listModel = {
    ...listModel,
    step(before, input, output) {
      const after = listModel.step(before, input, output);
      if (after === undefined || output !== undefined || input.op === "read") return after;
      return `${lists.get(input.element)} `.startsWith(`${after} `) ? after : undefined;
    },
  };
  return checkLinearizable(
    model,
    operations.filter(({ input, output }) => output !== undefined || (input.op !== "read" && lists.has(input.element))),
  );
}
