import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rule, type RuleContext, type RuleRun, rule } from "../src/index.ts";
import { assertSameOutcome, type Death, runScenario, type Scenario, type ScenarioStep } from "../src/testing.ts";
import { bytes, Down, emptyGraph, event, type NodeEvent, Note, Ping, replyText, time, Up } from "./fixtures.ts";

const OPERATIONS = [
  "count",
  "look",
  "up",
  "ping",
  "sleep",
  "race",
  "tell",
  "send",
  "decide",
  "chance",
  "needMended",
  "throw",
] as const;
type OperationName = (typeof OPERATIONS)[number];

/** A rule that does what a list says. It keeps what it got, so that a wrong replay shows in what it does next. */
function* follow(program: readonly OperationName[], ctx: RuleContext, { node, n }: NodeEvent): RuleRun {
  const got: (string | number)[] = [n];
  const isMine = (other: NodeEvent): boolean => other.node === node;
  for (const name of program) {
    switch (name) {
      case "count":
        got.push(
          yield* ctx.update((draft) => {
            const before = draft.get(Note, node)?.count ?? 0;
            draft.put(Note, node, { text: got.join(), count: before + 1 });
            return before;
          }),
        );
        break;
      case "look":
        got.push(yield* ctx.read((view) => [...view.all(Note)].map(([id, { count }]) => `${id}=${count}`).join(" ")));
        break;
      case "up":
        got.push((yield* ctx.on(Up, isMine)).n);
        break;
      case "ping":
        got.push((yield* ctx.on(Ping)).n);
        break;
      case "sleep":
        yield* ctx.after(30);
        break;
      case "race": {
        const won = yield* ctx.race({
          up: ctx.on(Up, isMine),
          told: ctx.tell("racer", bytes(got.join())),
          late: ctx.after(40),
        });
        got.push(Object.keys(won).join());
        break;
      }
      case "tell":
        got.push(replyText(yield* ctx.tell(node, bytes(got.join()))));
        break;
      case "send":
        got.push(yield* ctx.send(node, bytes(got.join())));
        break;
      case "decide":
        yield* ctx.decide("so far", { got });
        break;
      case "chance":
        got.push(yield* ctx.random(), yield* ctx.now());
        break;
      case "needMended":
        if (!(yield* ctx.read((view) => view.has(Note, "mended")))) throw new Error("not mended");
        break;
      case "throw":
        throw new Error("always");
      default:
        name satisfies never;
    }
  }
  yield* ctx.decide("end", { got });
}

const types = [Down, Up, Ping] as const;

const programs = fc.array(
  fc.record({
    on: fc.constantFrom(...types),
    // The last of the list is rare: it ends all that could go wrong after it.
    program: fc.array(
      fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...OPERATIONS.slice(0, -1)) }, fc.constant("throw" as const)),
      {
        maxLength: 7,
      },
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

const node = fc.constantFrom("a", "b", "c/ü", "mended");
const steps: fc.Arbitrary<ScenarioStep[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constantFrom("down", "up", "ping", "strange"), node, fc.nat(9), fc.nat(60)) },
      { weight: 3, arbitrary: fc.nat(200) },
      { weight: 2, arbitrary: fc.constant("answers" as const) },
    ),
    { maxLength: 20 },
  )
  .map((drawn) => {
    let atMs = 0;
    return drawn.map((each): ScenarioStep => {
      if (each === "answers")
        return {
          kind: "answers",
          answer: ({ id, node: to }) =>
            to === "c/ü" ? { kind: "failed", why: id } : { kind: "reply", payload: bytes(id) },
        };
      if (typeof each === "number") {
        atMs += each;
        return time(atMs);
      }
      const [type, about, n, ms] = each;
      atMs += ms > 40 ? ms : 0;
      return event(type, about, n, atMs);
    });
  });

const limits = fc.record({
  turnCommandsMax: fc.integer({ min: 1, max: 4 }),
  turnDecisionsMax: fc.integer({ min: 1, max: 4 }),
  turnBytesMax: fc.constantFrom(1, 500, 5_000),
  turnInputsMax: fc.integer({ min: 1, max: 4 }),
  retriesMax: fc.nat(3),
  backlogMax: fc.integer({ min: 1, max: 3 }),
  retryBackoffMs: fc.constantFrom(1, 50),
});

const scenarios: fc.Arbitrary<Scenario> = fc.record({ programs, steps, limits }).map((drawn) => ({
  rules: drawn.programs.map(
    ({ on, program }, at): Rule =>
      rule(`rule-${at}`, {
        version: 1,
        on,
        waits: types,
        key: (about) => about.node,
        run: (ctx, about) => follow(program, ctx, about),
      }),
  ),
  graph: emptyGraph,
  steps: drawn.steps,
  limits: drawn.limits,
}));

const deaths: fc.Arbitrary<Death[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("beforeCheckpoint", "afterCheckpoint", "afterStep"),
    number: fc.nat(30),
  }),
  { minLength: 1, maxLength: 8 },
);

describe("failover at random points", () => {
  it("R5 random rules, inputs, limits and deaths end as without the deaths", () => {
    let ends = 0;
    fc.assert(
      fc.property(scenarios, deaths, (scenario, drawn) => {
        const undisturbed = runScenario(scenario);
        ends += undisturbed.decisions.filter(({ outcome }) => outcome === "end").length;
        assertSameOutcome(runScenario(scenario, drawn), undisturbed, drawn);
      }),
      { numRuns: 1_500 },
    );
    expect(ends, "runs that came to their end").toBeGreaterThan(100);
  });

  it("R5 whatever comes to its end leaves nothing behind, and nothing is done twice", () => {
    fc.assert(
      fc.property(scenarios, deaths, (scenario, drawn) => {
        const { commands, decisions, consumed, settled } = runScenario(scenario, drawn);
        for (const ids of [commands.map(({ id }) => id), decisions.map(({ id }) => id), consumed, settled])
          expect(new Set<unknown>(ids).size).toBe(ids.length);
        const eventCount = scenario.steps.filter(({ kind }) => kind === "event").length;
        expect(consumed).toEqual(Array.from({ length: eventCount }, (_, at) => at + 1));
      }),
      { numRuns: 500 },
    );
  });
});
