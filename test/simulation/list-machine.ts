import type { StateMachine } from "@halon/replicated-log";
import type { SequentialModel } from "@halon/simulation";

/** Operations on named lists. Each touches one key; every element that a client adds is unique. */
export type ListInput =
  /** Answers the list with the element, so that an element added twice is seen. */
  | { readonly op: "append"; readonly key: string; readonly element: string }
  /** Answers `ok`. */
  | { readonly op: "replace"; readonly key: string; readonly element: string }
  /** Replaces the list if it is the one given; answers `ok`, or `no` and the list. */
  | { readonly op: "swap"; readonly key: string; readonly element: string; readonly expected: string }
  /** Answers the list. */
  | { readonly op: "read"; readonly key: string };

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

const bytesOf = (text: string): Uint8Array => textEncoder.encode(text);
export const textOf = (bytes: Uint8Array): string => textDecoder.decode(bytes);
export const encodeInput = (input: ListInput): Uint8Array => bytesOf(JSON.stringify(input));

const NO = "no ";

/** The list that an answer shows; empty when it shows none. */
export const shownBy = (answer: string): string =>
  answer === "ok" ? "" : answer.startsWith(NO) ? answer.slice(NO.length) : answer;

/** The list after an operation, and the answer. Elements are joined by blanks. */
function operate(list: string, input: ListInput): { readonly list: string; readonly answer: string } {
  switch (input.op) {
    case "append": {
      const longer = list === "" ? input.element : `${list} ${input.element}`;
      return { list: longer, answer: longer };
    }
    case "replace":
      return { list: input.element, answer: "ok" };
    case "swap":
      return list === input.expected ? { list: input.element, answer: "ok" } : { list, answer: `${NO}${list}` };
    case "read":
      return { list, answer: list };
    default:
      return input satisfies never;
  }
}

/** Lists as a replicated state. */
export const listMachine: StateMachine = {
  apply(payload, state) {
    const input = JSON.parse(textOf(payload)) as ListInput;
    const { list, answer } = operate(textOf(state.get(input.key) ?? new Uint8Array(0)), input);
    state.put(input.key, bytesOf(list));
    return bytesOf(answer);
  },
  query(payload, state) {
    const { key } = JSON.parse(textOf(payload)) as ListInput;
    return state.get(key) ?? new Uint8Array(0);
  },
};

/** One list, as it would be without any replication. */
export const listModel: SequentialModel<string, ListInput, string> = {
  initial: "",
  step(before, input, output) {
    const { list, answer } = operate(before, input);
    return output === undefined || output === answer ? list : undefined;
  },
  keyOf: (list) => list,
};
