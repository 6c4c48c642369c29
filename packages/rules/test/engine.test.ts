import { Graph } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import {
  Engine,
  type EngineOptions,
  eventType,
  type Rule,
  type RuleContext,
  type RuleRun,
  rule,
  type Turn,
} from "../src/index.ts";
import { bytes, Down, emptyGraph, type NodeEvent, Note, nodeEvent, Ping, Up } from "./fixtures.ts";

const procedure = (name: string, run: (ctx: RuleContext, event: NodeEvent) => RuleRun<unknown>, version = 1): Rule =>
  rule(name, { version, on: Down, waits: [Up], key: ({ node }) => node, run });

const engineOf = (rules: readonly Rule[], options: Partial<EngineOptions> = {}): Engine =>
  new Engine({ rules, graph: emptyGraph, logTimeMs: 0, random: 0.5, ...options });

const input = (position: number, type: string, node: string) => ({
  position,
  id: `e${position}`,
  type,
  payload: bytes(JSON.stringify({ node, n: position })),
  logTimeMs: 0,
});

const entriesOf = (turn: Turn) =>
  turn.entryWrites.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value] as const]));

/** What an engine says about an instance that it was asked to begin. */
function parkedBy(run: (ctx: RuleContext, event: NodeEvent) => RuleRun<unknown>, limits: EngineOptions["limits"] = {}) {
  const engine = engineOf([procedure("bad", run), procedure("good", (ctx) => ctx.decide("good")[Symbol.iterator]())], {
    limits,
  });
  engine.onEvent(input(1, "down", "n1"));
  const turn = engine.take();
  expect(turn.decisions.find((each) => each.rule === "good")?.outcome).toBe("good");
  expect(turn.graphChanges).toEqual([]);
  expect(turn.commands).toEqual([]);
  expect([...engine.instances()].map(({ state }) => state)).toEqual(["parked"]);
  return turn.decisions.find((each) => each.rule === "bad");
}

describe("what an instance is parked for at once, and the other rules go on", () => {
  it.each<[string, (ctx: RuleContext) => RuleRun<unknown>, string, string, EngineOptions["limits"]?]>([
    [
      "a loop of operations without a wait",
      function* (ctx) {
        for (;;) yield* ctx.now();
      },
      "limit",
      "stepOperationsMax",
    ],
    [
      "a long journal",
      function* (ctx) {
        for (let at = 0; at < 20; at++)
          yield* ctx.update((draft) => void draft.put(Note, "x", { text: "", count: at }));
      },
      "limit",
      "journalEntriesMax",
      { journalEntriesMax: 10 },
    ],
    [
      "a journal of many bytes",
      function* (ctx) {
        for (let at = 0; at < 20; at++) yield* ctx.read(() => "x".repeat(100));
      },
      "limit",
      "journalBytesMax",
      { journalBytesMax: 1_000 },
    ],
    [
      "a large result",
      function* (ctx) {
        yield* ctx.read(() => "x".repeat(101));
      },
      "limit",
      "resultBytesMax",
      { resultBytesMax: 100 },
    ],
    [
      "a result that is no JSON",
      function* (ctx) {
        yield* ctx.read(() => new Map());
      },
      "misuse",
      "plain JSON",
    ],
    [
      "a step that does much",
      function* (ctx) {
        for (let at = 0; at < 50; at++) yield* ctx.send("n", new Uint8Array(10_000));
      },
      "limit",
      "stepBytesMax",
    ],
    [
      "a large command",
      function* (ctx) {
        yield* ctx.send("n", new Uint8Array(100_000));
      },
      "limit",
      "100000 bytes",
    ],
    [
      "large facts",
      function* (ctx) {
        yield* ctx.decide("x", { text: "x".repeat(20_000) });
      },
      "limit",
      "factsBytesMax",
    ],
    [
      "a race of many",
      function* (ctx) {
        yield* ctx.race(Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`w${at}`, ctx.after(at)])));
      },
      "limit",
      "waitsMax",
    ],
    [
      "a race of none",
      function* (ctx) {
        yield* ctx.race({});
      },
      "misuse",
      "race",
    ],
    [
      "a time that is none",
      function* (ctx) {
        yield* ctx.after(Number.NaN);
      },
      "misuse",
      "NaN",
    ],
    [
      "an event type that it does not declare",
      function* (ctx) {
        yield* ctx.on(Ping);
      },
      "misuse",
      "ping",
    ],
    [
      "a yield without its star",
      function* (ctx) {
        yield ctx.now() as never;
      },
      "misuse",
      "star",
    ],
    [
      "an effect without its yield",
      function* (ctx) {
        yield* ctx.now();
        ctx.send("n1", bytes("x"));
      },
      "misuse",
      "ctx.send",
    ],
  ])("%s", (_, run, code, error, limits) => {
    expect(parkedBy(run, limits)).toMatchObject({ outcome: "parked", by: "engine", eventIds: ["e1"], facts: { code } });
    expect(parkedBy(run, limits)?.facts["error"]).toContain(error);
  });

  it("a wait's match that throws", () => {
    const engine = engineOf([
      procedure("bad", function* (ctx) {
        yield* ctx.on(Up, () => {
          throw new Error("no match");
        });
      }),
    ]);
    engine.onEvent(input(1, "down", "n1"));
    engine.onEvent(input(2, "up", "n1"));
    expect(engine.take().decisions).toMatchObject([{ outcome: "parked", facts: { code: "failed" } }]);
  });
});

describe("replay", () => {
  const begun = procedure("r", function* (ctx) {
    yield* ctx.read(() => 1);
    yield* ctx.send("n1", bytes("x"));
    yield* ctx.after(10);
    yield* ctx.decide("end");
  });
  const engine = engineOf([begun]);
  engine.onEvent(input(1, "down", "n1"));
  const entries = entriesOf(engine.take());

  const parkedAfterRestart = (rules: readonly Rule[], persisted = entries) => {
    const next = engineOf(rules, { entries: persisted });
    next.onTime(1_000, 0);
    const { decisions, commands } = next.take();
    expect(commands).toEqual([]);
    return decisions;
  };

  it("goes on where nothing has changed", () => {
    expect(parkedAfterRestart([begun])).toMatchObject([{ outcome: "end" }]);
  });

  it.each<[string, Rule, string, string]>([
    [
      "another operation",
      procedure("r", function* (ctx) {
        yield* ctx.now();
        yield* ctx.send("n1", bytes("x"));
        yield* ctx.after(10);
      }),
      "mismatch",
      "was read, and on replay it is now",
    ],
    [
      "other arguments",
      procedure("r", function* (ctx) {
        yield* ctx.read(() => 1);
        yield* ctx.send("n1", bytes("y"));
        yield* ctx.after(10);
        yield* ctx.decide("end");
      }),
      "mismatch",
      "other arguments",
    ],
    [
      "another wait",
      procedure("r", function* (ctx) {
        yield* ctx.read(() => 1);
        yield* ctx.send("n1", bytes("x"));
        yield* ctx.after(11);
      }),
      "mismatch",
      "other arguments",
    ],
    [
      "an early end",
      procedure("r", function* (ctx) {
        yield* ctx.read(() => 1);
      }),
      "mismatch",
      "ended before operation 1 of 3",
    ],
    [
      "a throw",
      procedure("r", function* (ctx) {
        yield* ctx.read(() => 1);
        throw new Error("new");
      }),
      "mismatch",
      "threw",
    ],
    ["another version", procedure("r", begun.begin as never, 2), "version", "version 1"],
    ["no such rule", procedure("other", begun.begin as never), "unknown-rule", "no rule r"],
  ])("%s parks the instance, with an error that says so", (_, changed, code, error) => {
    const [decision, ...rest] = parkedAfterRestart([changed]);
    expect(rest).toEqual([]);
    expect(decision).toMatchObject({ outcome: "parked", rule: "r", key: "n1", facts: { code } });
    expect(decision?.facts["error"]).toContain(error);
  });

  it("parks many in as many turns as that needs", () => {
    const before = engineOf([begun]);
    for (let at = 1; at <= 20; at++) before.onEvent(input(at, "down", `n${at}`));
    const after = engineOf([], { entries: entriesOf(before.take()), limits: { turnDecisionsMax: 3 } });
    const counts: number[] = [];
    while (after.hasWork) counts.push(after.take().decisions.length);
    expect(counts).toEqual([3, 3, 3, 3, 3, 3, 2]);
  });

  it.each([
    ["a missing entry", entries.filter(([key]) => !key.includes("/j/0000000000000001"))],
    ["a missing head", entries.filter(([key]) => !key.endsWith("/head"))],
    ["a broken entry", entries.map(([key, value]) => [key, key.endsWith("/head") ? bytes("{") : value] as const)],
  ])("%s parks the instance as damaged", (_, persisted) => {
    expect(parkedAfterRestart([begun], persisted)).toMatchObject([{ outcome: "parked", facts: { code: "damaged" } }]);
  });
});

describe("a parked instance", () => {
  const fussy = procedure("fussy", function* (ctx) {
    if (!(yield* ctx.variable("ready", false))) yield* ctx.on(Ping);
    yield* ctx.send("n1", bytes("x"));
    yield* ctx.decide("end");
  });

  it("begins again when released, with the latest trigger and ids of its own", () => {
    const engine = engineOf([fussy]);
    engine.onEvent(input(1, "down", "n1"));
    engine.setVars({ ready: true });
    engine.release("fussy", "n1", "again");
    expect(engine.take().commands.map(({ id }) => id)).toEqual(["fussy/n1/1.1/1"]);
    engine.setVars({});
    engine.onEvent(input(2, "down", "n1"));
    engine.onEvent(input(3, "down", "n1"));
    engine.setVars({ ready: true });
    engine.release("fussy", "n1", "again");
    expect(engine.take().decisions.map(({ outcome, run }) => [outcome, run])).toEqual([
      ["parked", "2"],
      ["merged", "2"],
      ["released", "2"],
      ["end", "3"],
    ]);
    expect([...engine.instances()]).toEqual([]);
  });

  it("is gone when dropped; what is not parked cannot be released", () => {
    const engine = engineOf([fussy]);
    expect(() => engine.release("fussy", "n1", "drop")).toThrow(/no parked instance/);
    engine.onEvent(input(1, "down", "n1"));
    engine.release("fussy", "n1", "drop");
    const turn = engine.take();
    expect(turn.entryWrites).toEqual([]);
    expect(turn.decisions.map(({ outcome }) => outcome)).toEqual(["parked", "dropped"]);
  });
});

describe("limits of the engine", () => {
  const sleepy = procedure("sleepy", function* (ctx) {
    yield* ctx.after(10);
    yield* ctx.decide("end");
  });

  it("holds back an event that would begin too many instances, until others have ended", () => {
    const engine = engineOf([sleepy], { limits: { instancesMax: 1, inboxMax: 2 } });
    expect([1, 2, 3, 4].map((at) => engine.onEvent(input(at, "down", `n${at}`)))).toEqual([true, true, true, false]);
    expect(engine.onAnswer({ commandId: "x", answer: { kind: "failed", why: "" } })).toBe(false);
    expect(engine.take().consumed).toEqual([1]);
    expect(engine.hasWork).toBe(false);
    engine.onTime(10, 0);
    expect(engine.take().consumed).toEqual([2]);
    expect(engine.inboxLength).toBe(1);
    expect(engine.nextTimerMs).toBe(20);
  });

  it("lets a repeated event pass", () => {
    const engine = engineOf([sleepy]);
    engine.onEvent(input(1, "down", "n1"));
    engine.onEvent(input(1, "down", "n1"));
    const { consumed, decisions } = engine.take();
    expect([consumed, decisions]).toEqual([[1], []]);
  });

  it("counts events and answers that nobody waited for", () => {
    const engine = engineOf([sleepy]);
    engine.onEvent(input(1, "up", "n1"));
    engine.onAnswer({ commandId: "x", answer: { kind: "failed", why: "" } });
    expect(engine.take()).toMatchObject({ consumed: [1], unwantedEvents: 1, settled: ["x"], unwantedAnswers: 1 });
  });

  it("keeps turns near their size, whatever comes at once", () => {
    const chatty = procedure("chatty", function* (ctx) {
      yield* ctx.send("n1", new Uint8Array(1_000));
      yield* ctx.after(1);
    });
    const engine = engineOf([chatty], { limits: { turnBytesMax: 10_000 } });
    for (let at = 1; at <= 100; at++) engine.onEvent(input(at, "down", `n${at}`));
    const sizes: number[] = [];
    while (engine.hasWork) sizes.push(engine.take().commands.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
  });

  it("parks an instance that too many events come for while it is to be retried", () => {
    const failing = procedure("failing", () => {
      throw new Error("no");
    });
    const engine = engineOf([failing], { limits: { backlogMax: 2 } });
    for (const at of [2, 3, 4]) engine.onEvent(input(at, at === 2 ? "down" : "up", "n1"));
    expect(engine.take().decisions).toMatchObject([{ outcome: "failed" }]);
    engine.onEvent(input(5, "up", "n1"));
    const turn = engine.take();
    expect(turn.decisions).toMatchObject([{ outcome: "parked", facts: { code: "limit" } }]);
    expect(turn.entryWrites.filter(({ value }) => value === undefined)).toHaveLength(2);
  });

  it("costs a checkpoint what changed", () => {
    const engine = engineOf([
      procedure("long", function* (ctx) {
        for (let at = 0; at < 50; at++) yield* ctx.read(() => "x".repeat(100));
        yield* ctx.on(Up);
        yield* ctx.on(Up);
      }),
    ]);
    engine.onEvent(input(1, "down", "n1"));
    expect(engine.take().entryWrites).toHaveLength(52);
    engine.onEvent(input(2, "up", "n1"));
    expect(engine.take().entryWrites.map(({ key }) => key)).toEqual([
      "long/n1/j/0000000000000050",
      "long/n1/j/0000000000000051",
    ]);
  });

  it.each([{ instancesMax: 0 }, { inboxMax: 1.5 }, { stepBytesMax: 1_000 }, { retryBackoffMs: 20_000 }])(
    "refuses %j",
    (limits) => {
      expect(() => engineOf([], { limits })).toThrow(/bad|is/);
    },
  );
});

it("chance differs from call to call, and is as uniform as need be", () => {
  const dice = procedure("dice", function* (ctx) {
    const drawn: number[] = [];
    for (let at = 0; at < 200; at++) drawn.push(yield* ctx.random());
    yield* ctx.decide("drawn", { drawn });
  });
  const engine = engineOf([dice]);
  engine.onEvent(input(1, "down", "n1"));
  const drawn = engine.take().decisions[0]?.facts["drawn"] as number[];
  expect(new Set(drawn).size).toBe(200);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(drawn.filter((each) => each < 0.5).length).toBeGreaterThan(60);
  expect(drawn.filter((each) => each >= 0.5).length).toBeGreaterThan(60);
});

describe("declarations", () => {
  it("refuses what is declared twice or wrongly", () => {
    const one = procedure("one", function* (ctx) {
      yield* ctx.now();
    });
    expect(() => engineOf([one, one])).toThrow(/twice/);
    const otherDown = rule("two", { ...one, on: nodeEvent("down"), waits: [], key: () => "x", *run() {} });
    expect(() => engineOf([one, otherDown])).toThrow(/declared elsewhere/);
    expect(() => eventType("a/b", () => 1)).toThrow(/event type "a\/b"/);
    expect(() => procedure("", one.begin as never)).toThrow(/rule ""/);
    expect(() => procedure("x", one.begin as never, 0)).toThrow(/version/);
  });
});

it("what rules do is as one change of the graph", () => {
  const put = (count: number) =>
    procedure(`put-${count}`, function* (ctx) {
      yield* ctx.update((draft) => {
        draft.put(Note, "x", { text: "", count });
      });
    });
  const engine = engineOf([put(1), put(2)]);
  engine.onEvent(input(1, "down", "n1"));
  const { graphChanges } = engine.take();
  expect(graphChanges).toEqual([{ kind: "putVertex", type: "Note", id: "x", value: { text: "", count: 2 } }]);
  expect(engine.graph).toBeInstanceOf(Graph);
});
