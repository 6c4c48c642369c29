import type { GraphDraft } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import { rule } from "../src/index.ts";
import { runScenario, runWithFailovers } from "../src/testing.ts";
import { answer, bytes, Down, emptyGraph, event, Note, Ping, replyText, time, Up } from "./fixtures.ts";

const graph = emptyGraph;

/** Counts under an id, so that what is done twice shows. */
const count =
  (id: string, text = "") =>
  (draft: GraphDraft): number => {
    const before = draft.get(Note, id)?.count ?? 0;
    draft.put(Note, id, { text, count: before + 1 });
    return before + 1;
  };

const outcomes = (decisions: readonly { readonly outcome: string }[]) => decisions.map(({ outcome }) => outcome);

describe("a rule in mid-procedure", () => {
  const nodeFailure = rule("node-failure", {
    version: 1,
    on: Down,
    waits: [Up],
    key: (failure) => failure.node,
    *run(ctx, failure) {
      yield* ctx.update(count(`suspect ${failure.node}`));
      const graceMs = yield* ctx.variable("graceMs", 100);
      const seen = yield* ctx.race({
        back: ctx.on(Up, (up) => up.node === failure.node),
        gone: ctx.after(graceMs),
      });
      if (seen.back !== undefined) return yield* ctx.decide("back", { n: seen.back.n });
      const target = yield* ctx.read((view) => [...view.all(Note)].map(([id]) => id).join());
      const reply = yield* ctx.tell("spare", bytes(`take over ${failure.node}`), { instance: "web/1" });
      yield* ctx.update(count(`moved ${failure.node}`, replyText(reply)));
      const lottery = yield* ctx.random();
      const atMs = yield* ctx.now();
      yield* ctx.send(failure.node, bytes("stay down"));
      return ctx.decide("moved", { target, lottery, atMs });
    },
  });

  it("R5 survives failover at each step: effects are not repeated, timers fire at the due time", () => {
    const outcome = runWithFailovers({
      rules: [nodeFailure],
      graph,
      vars: { graceMs: 1_500 },
      steps: [
        time(1_000),
        event("down", "n1"),
        event("ping", "n1"),
        time(2_499),
        event("up", "n2"),
        time(2_500),
        time(3_000),
        answer("node-failure/n1/1/4", "done"),
        time(9_000),
      ],
    });
    expect(outcome.commands.map(({ id, node }) => [id, node])).toEqual([
      ["node-failure/n1/1/4", "spare"],
      ["node-failure/n1/1/8", "n1"],
    ]);
    expect(outcome.graph.vertices["Note"]).toEqual({
      "suspect n1": { text: "", count: 1 },
      "moved n1": { text: "done", count: 1 },
    });
    expect(outcome.decisions).toMatchObject([
      {
        id: "node-failure/n1/1/9",
        by: "rule",
        rule: "node-failure",
        key: "n1",
        eventIds: ["e1"],
        outcome: "moved",
        facts: { target: "suspect n1", atMs: 3_000 },
      },
    ]);
    expect(outcome.entries).toEqual({});
  });

  it("R5 a timer keeps its due time through failover, never early", () => {
    const steps = [time(1_000), event("down", "n1"), time(1_099)];
    expect(runWithFailovers({ rules: [nodeFailure], graph, steps }).commands).toEqual([]);
    const later = runWithFailovers({ rules: [nodeFailure], graph, steps: [...steps, time(1_100)] });
    expect(later.commands).toHaveLength(1);
  });

  it("R5 a rule that waits twice for one type takes two events", () => {
    const twice = rule("twice", {
      version: 1,
      on: Down,
      waits: [Ping],
      key: ({ node }) => node,
      *run(ctx) {
        const first = yield* ctx.on(Ping);
        const second = yield* ctx.on(Ping);
        yield* ctx.decide("both", { first: first.n, second: second.n });
      },
    });
    const steps = [event("down", "n1"), event("ping", "a", 1), event("ping", "a", 2)];
    const { decisions } = runWithFailovers({ rules: [twice], graph, steps });
    expect(decisions).toMatchObject([{ facts: { first: 1, second: 2 }, eventIds: ["e1", "e2", "e3"] }]);
  });
});

describe("events", () => {
  const plain = (name: string) =>
    rule(name, {
      version: 1,
      on: Down,
      key: ({ node }) => node,
      *run(ctx, { n }) {
        yield* ctx.update(count(name));
        yield* ctx.decide(name, { n });
      },
    });

  it("R6 two rules share one event: both see it, and it is consumed when both have it", () => {
    const outcome = runWithFailovers({
      rules: [plain("first"), plain("second")],
      graph,
      steps: [event("down", "n1", 7)],
    });
    expect(outcome.decisions.map(({ rule: name, eventIds }) => [name, eventIds])).toEqual([
      ["first", ["e1"]],
      ["second", ["e1"]],
    ]);
    expect(outcome.consumed).toEqual([1]);
  });

  it("R6 an event wanted by more than a turn can hold is consumed in the last of its turns", () => {
    const waiting = rule("waiting", {
      version: 1,
      on: Down,
      waits: [Up],
      key: ({ node }) => node,
      *run(ctx, { node }) {
        const { n } = yield* ctx.on(Up);
        yield* ctx.update(count(`${node} heard`));
        yield* ctx.decide("heard", { n });
      },
    });
    const nodes = ["n1", "n2", "n3", "n4", "n5"];
    const limits = { turnDecisionsMax: 2 };
    const steps = [...nodes.map((node) => event("down", node)), event("up", "all", 3), event("up", "all", 4)];
    const outcome = runWithFailovers({ rules: [waiting], graph, limits, steps });
    expect(outcome.decisions.map(({ key, facts }) => [key, facts["n"]])).toEqual(nodes.map((node) => [node, 3]));
    expect(outcome.checkpoints).toBeGreaterThan(nodes.length + 2);
    expect(outcome.consumed).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(outcome.entries).toEqual({});
  });

  it("R7 the same trigger twice is one instance; one that comes while it runs is merged and runs once more, with the latest", () => {
    const slow = rule("slow", {
      version: 1,
      on: Down,
      key: ({ node }) => node,
      *run(ctx, { n }) {
        yield* ctx.after(100);
        yield* ctx.send("spare", bytes(String(n)));
        yield* ctx.decide("done", { n });
      },
    });
    const outcome = runWithFailovers({
      rules: [slow],
      graph,
      steps: [event("down", "n1", 1), event("down", "n1", 2), event("down", "n1", 3), time(100), time(200), time(300)],
    });
    expect(outcome.decisions.map(({ outcome: what, eventIds, facts }) => [what, eventIds, facts])).toEqual([
      ["merged", ["e2"], {}],
      ["merged", ["e3"], {}],
      ["done", ["e1"], { n: 1 }],
      ["done", ["e3"], { n: 3 }],
    ]);
    expect(outcome.commands.map(({ id }) => id)).toEqual(["slow/n1/1/1", "slow/n1/3/1"]);
    expect(outcome.consumed).toEqual([1, 2, 3]);
    expect(outcome.entries).toEqual({});
  });

  it("E3 an event of a type that no rule knows is consumed and counted", () => {
    const outcome = runWithFailovers({
      rules: [plain("only")],
      graph,
      steps: [event("strange", "n1"), event("strange", "n2"), event("down", "n1")],
    });
    expect(outcome.unknownTypes).toEqual({ strange: 2 });
    expect(outcome.consumed).toEqual([1, 2, 3]);
    expect(outcome.decisions).toHaveLength(1);
  });

  it("refuses and consumes what cannot be read, and what gives no key, and goes on", () => {
    const outcome = runWithFailovers({
      rules: [plain("only")],
      graph,
      limits: { inputBytesMax: 100 },
      steps: [
        { kind: "event", type: "down", payload: bytes("{") },
        { kind: "event", type: "down", payload: new Uint8Array(101) },
        event("down", ""),
        event("down", "n1"),
      ],
    });
    expect(outcome.consumed).toEqual([1, 2, 3, 4]);
    expect(outcome.refused.map(({ eventId }) => eventId)).toEqual(["e1", "e2", "e3"]);
    expect(outcome.refused[1]?.why).toContain("inputBytesMax");
    expect(outcome.decisions).toHaveLength(1);
  });
});

describe("waits", () => {
  const racing = (order: "timer first" | "event first") =>
    rule("racing", {
      version: 1,
      on: Down,
      waits: [Up, Ping],
      key: ({ node }) => node,
      *run(ctx) {
        const timer = ctx.after(100);
        const other = ctx.race({ ping: ctx.on(Ping), up: ctx.on(Up) });
        const won = yield* order === "timer first" ? ctx.race({ timer, other }) : ctx.race({ other, timer });
        yield* ctx.decide(Object.keys(won).join(), {
          ...(won.other === undefined ? {} : { by: Object.keys(won.other) }),
        });
      },
    });

  it.each([
    ["event first", "other"],
    ["timer first", "timer"],
  ] as const)("R8 race, both end at once, %s: the first listed wins", (order, winner) => {
    const steps = [event("down", "n1"), event("up", "n1", 0, 100), time(500)];
    const { decisions, entries } = runWithFailovers({ rules: [racing(order)], graph, steps });
    expect(outcomes(decisions)).toEqual([winner]);
    expect(entries).toEqual({});
  });

  it("R8 race: the first that ends wins, the losers are forgotten", () => {
    const steps = [event("down", "n1"), event("up", "n1", 0, 99), event("ping", "n1"), time(500)];
    const { decisions } = runWithFailovers({ rules: [racing("timer first")], graph, steps });
    expect(decisions).toMatchObject([{ outcome: "other", facts: { by: ["up"] } }]);
  });

  it("R8 sequences skip what does not match and lose nothing; timeouts of two instances are independent", () => {
    const sequence = rule("sequence", {
      version: 1,
      on: Down,
      waits: [Up, Ping],
      key: ({ node }) => node,
      *run(ctx, { node }) {
        const ping = yield* ctx.race({ ok: ctx.on(Ping, (ping) => ping.node === node), late: ctx.after(100) });
        const up = yield* ctx.race({ ok: ctx.on(Up, (up) => up.node === node && up.n > 1), late: ctx.after(100) });
        yield* ctx.decide("end", { ping: ping.ok?.n, up: up.ok?.n });
      },
    });
    const { decisions } = runWithFailovers({
      rules: [sequence],
      graph,
      steps: [
        event("down", "a"),
        event("down", "b", 0, 50),
        event("up", "b", 9),
        event("ping", "b", 2),
        event("up", "b", 1),
        time(100),
        event("up", "b", 4),
        time(200),
      ],
    });
    expect(decisions.map(({ key, facts, atMs }) => [key, facts, atMs])).toEqual([
      ["b", { ping: 2, up: 4 }, 100],
      ["a", {}, 200],
    ]);
  });

  it("R8 a race between answers: the loser's answer is settled and does nothing", () => {
    const hedge = rule("hedge", {
      version: 1,
      on: Down,
      key: ({ node }) => node,
      *run(ctx) {
        const won = yield* ctx.race({ a: ctx.tell("a", bytes("go")), b: ctx.tell("b", bytes("go")) });
        yield* ctx.decide("won", { a: won.a === undefined ? "" : replyText(won.a), b: won.b && replyText(won.b) });
        yield* ctx.after(10);
      },
    });
    const outcome = runWithFailovers({
      rules: [hedge],
      graph,
      steps: [event("down", "n1"), answer("hedge/n1/1/0.1", "yes"), answer("hedge/n1/1/0.0", "late"), time(50)],
    });
    expect(outcome.commands.map(({ id }) => id)).toEqual(["hedge/n1/1/0.0", "hedge/n1/1/0.1"]);
    expect(outcome.settled).toEqual(["hedge/n1/1/0.1", "hedge/n1/1/0.0"]);
    expect(outcome.decisions).toMatchObject([{ facts: { a: "", b: "yes" } }]);
  });
});

describe("R9 a step that throws", () => {
  const fragile = rule("fragile", {
    version: 1,
    on: Down,
    waits: [Up],
    key: ({ node }) => node,
    *run(ctx, { node }) {
      yield* ctx.update(count(`${node} before`));
      yield* ctx.after(10);
      yield* ctx.update(count(`${node} half`));
      yield* ctx.send("spare", bytes("half"));
      const isMended = yield* ctx.read((view) => view.has(Note, "mended"));
      if (!isMended) throw new Error("not mended");
      const { n } = yield* ctx.on(Up);
      yield* ctx.decide("heard", { n });
    },
  });
  const mending = rule("mending", {
    version: 1,
    on: Ping,
    key: ({ node }) => node,
    *run(ctx) {
      yield* ctx.update(count("mended"));
    },
  });

  it("R9 rolls back that step, is retried with backoff, and then goes on with the events that came meanwhile", () => {
    const outcome = runWithFailovers({
      rules: [fragile, mending],
      graph,
      steps: [
        event("down", "n1"),
        time(10),
        event("up", "n1", 5),
        event("up", "n1", 6),
        time(109),
        time(110),
        event("ping", "n1"),
        time(309),
        time(310),
      ],
    });
    expect(
      outcome.decisions.map(({ outcome: what, facts, atMs }) => [what, facts["retry"] ?? facts["n"], atMs]),
    ).toEqual([
      ["failed", 1, 10],
      ["failed", 2, 110],
      ["heard", 5, 310],
    ]);
    expect(outcome.graph.vertices["Note"]).toEqual({
      mended: { text: "", count: 1 },
      "n1 before": { text: "", count: 1 },
      "n1 half": { text: "", count: 1 },
    });
    expect(outcome.commands).toHaveLength(1);
    expect(outcome.entries).toEqual({});
  });

  it("R9 is parked in the end with its error visible, and the other rules go on", () => {
    const outcome = runWithFailovers({
      rules: [fragile, mending],
      graph,
      limits: { retriesMax: 2 },
      steps: [
        event("down", "n1"),
        time(10),
        time(1_000),
        time(2_000),
        event("ping", "x"),
        event("down", "n1"),
        time(9_000),
      ],
    });
    expect(outcome.decisions.map(({ outcome: what, facts }) => [what, facts["error"]])).toEqual([
      ["failed", "Error: not mended"],
      ["failed", "Error: not mended"],
      ["parked", "Error: not mended"],
      ["merged", undefined],
    ]);
    expect(outcome.graph.vertices["Note"]).toEqual({
      mended: { text: "", count: 1 },
      "n1 before": { text: "", count: 1 },
    });
    expect(outcome.commands).toEqual([]);
  });

  it("R9 an update that throws changes nothing at all", () => {
    const throwing = rule("throwing", {
      version: 1,
      on: Down,
      key: ({ node }) => node,
      *run(ctx) {
        yield* ctx.update((draft) => {
          draft.put(Note, "x", { text: "", count: 1 });
          throw new Error("late");
        });
      },
    });
    const outcome = runWithFailovers({ rules: [throwing], graph, steps: [event("down", "n1"), time(100_000)] });
    expect(outcome.graph.vertices["Note"]).toBeUndefined();
    expect(outcomes(outcome.decisions)).toEqual(["failed", "failed"]);
  });
});

it("runScenario counts checkpoints", () => {
  expect(runScenario({ rules: [], graph, steps: [time(1), event("x", "y")] }).checkpoints).toBe(1);
});
