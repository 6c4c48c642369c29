import { checkLinearizable, type Operation, partition, type SequentialModel } from "@halon/simulation";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

type Input = { readonly op: "write" | "read"; readonly key: string; readonly value: number };
type Op = Operation<Input, number>;

/** One number; a write answers 0. */
const register: SequentialModel<number, Input, number> = {
  initial: 0,
  step(state, { op, value }, output) {
    if (op === "write") return output === undefined || output === 0 ? value : undefined;
    return output === undefined || output === state ? state : undefined;
  },
  keyOf: String,
};

/** `w1 0-2`: a write of 1 from 0 to 2; `r1 1-3`: a read of 1; `w1 0-?`: nobody knows. */
const history = (...lines: readonly string[]): Op[] =>
  lines.map((line) => {
    const [, op, value, from, to] = /^([wr])(\d+) (\d+)-(\d+|\?)$/.exec(line) ?? [];
    const number = Number(value);
    const isKnown = to !== "?";
    return {
      input: { op: op === "w" ? "write" : "read", key: "k", value: number },
      output: isKnown ? (op === "w" ? 0 : number) : undefined,
      calledAt: Number(from),
      endedAt: isKnown ? Number(to) : Number.POSITIVE_INFINITY,
    };
  });

const kindOf = (...lines: readonly string[]): string => checkLinearizable(register, history(...lines)).kind;

/** All orders, one after the other. */
function twin(operations: readonly Op[], state = 0, done: ReadonlySet<Op> = new Set()): boolean {
  const left = operations.filter((each) => !done.has(each));
  if (left.every(({ output }) => output === undefined)) return true;
  return left.some((next) => {
    const isFirst = left.every(
      (other) => other.output === undefined || other === next || other.endedAt > next.calledAt,
    );
    const after = isFirst ? register.step(state, next.input, next.output) : undefined;
    return after !== undefined && twin(operations, after, new Set([...done, next]));
  });
}

describe("linearizability", () => {
  it("accepts histories with an order that explains them", () => {
    expect(kindOf()).toBe("linearizable");
    expect(kindOf("w1 0-1", "r1 2-3")).toBe("linearizable");
    // While a write goes on, both values may be read, the old one first.
    expect(kindOf("w1 0-9", "r0 1-2", "r1 3-4")).toBe("linearizable");
    // Two writes at once: the reads say which came last.
    expect(kindOf("w1 0-5", "w2 0-5", "r2 6-7", "r2 8-9")).toBe("linearizable");
    expect(kindOf("w1 0-5", "w2 0-5", "r1 6-7")).toBe("linearizable");
    // Nobody knows of a write: it may come at any time, or never.
    expect(kindOf("w1 0-?", "r0 1-2", "r0 3-4", "r1 5-6")).toBe("linearizable");
    expect(kindOf("w1 0-?", "r0 1-2")).toBe("linearizable");
  });

  it("refuses a stale read, a value that was never written, and time running back", () => {
    expect(kindOf("w1 0-1", "r0 2-3")).toBe("violation");
    expect(kindOf("r5 0-1")).toBe("violation");
    expect(kindOf("w1 0-9", "r1 1-2", "r0 3-4")).toBe("violation");
    expect(kindOf("w1 0-1", "w2 2-3", "r1 4-5")).toBe("violation");
    expect(kindOf("w1 0-5", "w2 0-5", "r1 6-7", "r2 8-9")).toBe("violation");
    // It may have happened, but only once.
    expect(kindOf("w1 0-?", "r1 1-2", "w2 3-4", "r2 5-6", "r1 7-8")).toBe("violation");
  });

  it("says how far it came, and where it stuck", () => {
    const operations = history("w1 0-1", "r1 2-3", "r0 4-5", "w2 6-7");
    expect(checkLinearizable(register, operations)).toEqual({ kind: "violation", longest: 2, stuck: operations[2] });
  });

  it("gives up at a limit, and says so", () => {
    const writes = Array.from({ length: 12 }, (_, at) => `w${at + 1} 0-90`);
    expect(checkLinearizable(register, history(...writes, "r77 91-92"), 100)).toEqual({
      kind: "undecided",
      states: 100,
    });
  });

  it("agrees with trying all orders", () => {
    const someOp = fc.tuple(fc.boolean(), fc.nat(2), fc.nat(12), fc.integer({ min: 1, max: 6 }), fc.nat(4));
    let violations = 0;
    fc.assert(
      fc.property(fc.array(someOp, { maxLength: 7 }), (drawn) => {
        const operations = drawn.map(([isWrite, value, from, span, luck], at): Op => {
          // Places are distinct: calls are even, returns odd.
          const calledAt = (from * 10 + at) * 2;
          return {
            input: { op: isWrite ? "write" : "read", key: "k", value },
            output: luck === 0 ? undefined : isWrite ? 0 : value,
            calledAt,
            endedAt: calledAt + span * 10 + 1,
          };
        });
        const isLinearizable = twin(operations);
        if (!isLinearizable) violations++;
        expect(checkLinearizable(register, operations).kind).toBe(isLinearizable ? "linearizable" : "violation");
      }),
      { numRuns: 500 },
    );
    expect(violations).toBeGreaterThan(50);
  });

  it("partitions by key, keeping the order", () => {
    const operations = history("w1 0-1", "w2 2-3", "w3 4-5").map((each, at) => ({
      ...each,
      input: { ...each.input, key: at === 1 ? "other" : "k" },
    }));
    const parts = partition(operations, ({ key }) => key);
    expect([...parts].map(([key, part]) => `${key} ${part.map(({ input }) => input.value).join("")}`)).toEqual([
      "k 13",
      "other 2",
    ]);
  });
});
