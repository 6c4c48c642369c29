import { checkHistory, History, HistoryError, readHistory, type SequentialModel } from "@halon/simulation";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Input {
  readonly op: "write" | "read";
  readonly key: string;
  readonly value: number;
}

const register: SequentialModel<number, Input, number> = {
  initial: 0,
  step: (state, { op, value }, output) =>
    op === "write" ? value : output === undefined || output === state ? state : undefined,
  keyOf: String,
};

describe("histories", () => {
  it("are in one order, and what has no answer stays unknown", () => {
    const history = new History<string, string>();
    const first = history.call("a");
    history.call("b");
    first("done");
    expect(history.operations).toEqual([
      { input: "a", output: "done", calledAt: 1, endedAt: 3 },
      { input: "b", output: undefined, calledAt: 2, endedAt: Number.POSITIVE_INFINITY },
    ]);
    expect([history.called, history.answered]).toEqual([2, 1]);
  });

  it("come back from lines as they were, of several recorders and in any order of the lines", () => {
    const events = fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.jsonValue({ maxDepth: 1 })), { maxLength: 30 });
    fc.assert(
      fc.property(events, fc.infiniteStream(fc.nat(1_000)), (drawn, order) => {
        const lines: string[] = [];
        let atMs = 0;
        const recorders = ["a", "b", "c"].map(
          (name) =>
            new History<unknown, unknown>({ at: () => ++atMs, write: (line) => lines.push(line), recorder: name }),
        );
        for (const [who, isAnswered, value] of drawn) {
          const answer = recorders[who]?.call({ value });
          if (isAnswered) answer?.({ value });
        }
        const keys = new Map(lines.map((line) => [line, order.next().value ?? 0]));
        lines.sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
        const read = readHistory(lines.map((line) => `${line}\n`).join(""));
        const byCall = (a: { readonly calledAt: number }, b: { readonly calledAt: number }): number =>
          a.calledAt - b.calledAt;
        // JSON has no -0.
        const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
        expect(plain([...read].sort(byCall))).toEqual(plain(recorders.flatMap((each) => each.operations).sort(byCall)));
      }),
    );
  });

  it("a line that a crash has cut short is left out, any other is refused with its number", () => {
    const call = '{"call":"1","at":1,"input":"x"}\n';
    expect(readHistory(`${call}{"return":"1","at":2,"outp`)).toEqual([
      { input: "x", output: undefined, calledAt: 1, endedAt: Number.POSITIVE_INFINITY },
    ]);
    for (const [text, message] of [
      [`${call}nonsense\n`, /line 2 is no JSON/],
      ["7\n", /line 1 is no object/],
      ['{"call":"1"}\n', /"at" must be a number/],
      [`${call}${call}`, /call 1 is there twice/],
      ['{"return":"1","at":1,"output":1}\n', /call 1 is not there/],
      [`${call}{"return":"1","at":0,"output":1}\n`, /returns before it is made/],
      [`${call}{"return":"1","at":2}\n`, /"output" is missing/],
      ['{"at":1}\n', /neither "call" nor "return"/],
    ] as const) {
      expect(() => readHistory(text)).toThrow(HistoryError);
      expect(() => readHistory(text)).toThrow(message);
    }
  });

  it("are checked key by key, and the key that does not fit is named", () => {
    const lines = [
      { call: "1", at: 1, input: { op: "write", key: "a", value: 1 } },
      { call: "2", at: 1, input: { op: "write", key: "b", value: 2 } },
      { return: "1", at: 2, output: 0 },
      { return: "2", at: 3, output: 0 },
      { call: "3", at: 4, input: { op: "read", key: "a", value: 0 } },
      { call: "4", at: 4, input: { op: "read", key: "b", value: 0 } },
      { return: "3", at: 5, output: 1 },
    ];
    const verdict = (answer: number) => {
      const all = [...lines, { return: "4", at: 5, output: answer }]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join("");
      return checkHistory(register, readHistory<Input, number>(all), ({ key }) => key);
    };
    expect(verdict(2)).toEqual({ kind: "linearizable", operations: 4 });
    expect(verdict(0)).toMatchObject({ kind: "violation", key: "b", operations: 2, longest: 1 });
  });

  it("events of one time are concurrent", () => {
    const text = [
      { call: "w", at: 1, input: { op: "write", key: "a", value: 1 } },
      { return: "w", at: 2, output: 0 },
      { call: "r", at: 2, input: { op: "read", key: "a", value: 0 } },
      { return: "r", at: 2, output: 0 },
    ].map((line) => `${JSON.stringify(line)}\n`);
    expect(checkHistory(register, readHistory<Input, number>(text.join("")), ({ key }) => key).kind).toBe(
      "linearizable",
    );
  });

  it("many thousands of calls are judged at once", () => {
    const history = new History<Input, number>();
    let state = 0;
    // Always eight under way, some of them never answered.
    const open: (() => void)[] = [];
    for (let at = 0; at < 40_000; at++) {
      const isWrite = at % 3 === 0;
      const answer = history.call({ op: isWrite ? "write" : "read", key: "k", value: at });
      open.push(() => {
        if (isWrite) state = at;
        if (at % 5_000 !== 1) answer(isWrite ? 0 : state);
      });
      if (open.length > 8) open.shift()?.();
    }
    for (const close of open) close();
    expect(checkHistory(register, history.operations, ({ key }) => key)).toEqual({
      kind: "linearizable",
      operations: 40_000,
    });
  });
});
