import { Graph } from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget } from "../src/budget.ts";
import { Cluster, hasNode, Instance, Node, type NodeValue, runsOn, schema, THE_CLUSTER } from "../src/index.ts";
import { placeWaiting, unplace, unwantInstance, wantInstance } from "../src/instances.ts";
import { hasInstance, hasService, Service } from "../src/schema.ts";
import { badlyWatched, deadFromMs, giveSession, isAccused, monitorsFor, neededOf } from "../src/sessions.ts";
import { nodeValue } from "./script.ts";

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `m${at}`);
const subsets = (of: readonly string[]) => fc.subarray([...of]);

const graphWith = (nodes: Readonly<Record<string, NodeValue>>): Graph =>
  Graph.empty(schema).change((draft) => {
    draft.insert(Cluster, THE_CLUSTER, { generationLast: 0 });
    for (const [name, value] of Object.entries(nodes))
      draft.connect(hasNode, THE_CLUSTER, draft.insert(Node, name, value));
  }).graph;

describe("sessions", () => {
  it("any quorum of acknowledgements shares a monitor with any set of accusers that is enough", () => {
    const prop = fc.integer({ min: 1, max: 7 }).chain((count) => {
      const all = names(count);
      return fc.tuple(fc.constant(all), subsets(all), subsets(all));
    });
    fc.assert(
      fc.property(prop, ([all, acknowledge, accuse]) => {
        const needed = neededOf(all);
        if (acknowledge.length < needed || accuse.length < needed) return;
        expect(acknowledge.some((name) => accuse.includes(name))).toBe(true);
      }),
    );
  });

  it("a node is accused only when in each of its sessions no quorum is left without an accuser", () => {
    const sessions = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.array(fc.nat(4), { maxLength: 6 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(sessions, fc.boolean(), (drawn, hasExclusive) => {
        const value = nodeValue("n", [], {
          sessions: drawn.map(([count], at) => {
            const monitors = names(count);
            return { session: at + 1, monitors: [...monitors], needed: neededOf(monitors), begun: at === 0 };
          }),
          accusations: drawn.flatMap(([count, by], at) =>
            [...new Set(by)]
              .filter((index) => index < count)
              .map((index) => ({ session: at + 1, monitor: `m${index}`, silentMs: 3_000, logTimeMs: 1 })),
          ),
        });
        const canGainRight = value.sessions.some(({ session, monitors, needed }) => {
          const accusers = value.accusations.filter((each) => each.session === session).map(({ monitor }) => monitor);
          const quiet = monitors.filter((monitor) => !accusers.includes(monitor));
          return needed === 0 ? hasExclusive : quiet.length >= needed;
        });
        const isAccusedByEnough = value.sessions.every(
          ({ session, needed }) =>
            (needed === 0 && !hasExclusive) ||
            (needed > 0 && value.accusations.filter((each) => each.session === session).length >= needed),
        );
        const isJudged = hasExclusive || value.sessions.some(({ needed }) => needed > 0);
        if (isAccused(value, hasExclusive)) expect(canGainRight).toBe(false);
        expect(isAccused(value, hasExclusive)).toBe(isJudged && isAccusedByEnough);
      }),
    );
  });

  it("the dead are dead a bound after the last acknowledgement that any accuser can have given, and never sooner", () => {
    const times = fc.record({
      ackedAtMs: fc.integer({ min: 0, max: 10_000 }),
      silentMs: fc.integer({ min: 0, max: 10_000 }),
      laterMs: fc.integer({ min: 0, max: 1_000 }),
      rate: fc.double({ min: 0.95, max: 1.05, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(times, { minLength: 1, maxLength: 3 }), (drawn) => {
        // True time, and log time as fast as it may be. The accusers' own clocks may be fast or slow.
        const accusations = drawn.map(({ ackedAtMs, silentMs, laterMs, rate }, at) => {
          const storedAtMs = ackedAtMs + silentMs + laterMs;
          return { session: 1, monitor: `m${at}`, silentMs: silentMs * rate, logTimeMs: storedAtMs };
        });
        const fromMs = deadFromMs(nodeValue("n", [], { accusations }), 3_000);
        for (const { ackedAtMs, silentMs } of drawn) {
          const toleranceMs = Math.max(0, silentMs - 3_000) * 0.05;
          expect(fromMs).toBeGreaterThanOrEqual(Math.floor(ackedAtMs + 3_000 - toleranceMs));
        }
      }),
    );
  });

  it("a node is watched by others, those on stations last, and always by the same while nothing changes", () => {
    const drawn = fc.array(fc.tuple(fc.constantFrom("user", "satellite", "station"), fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(drawn, (nodes) => {
        const values = nodes.map(([kind, hasMonitor, isUp], at): [string, NodeValue] => [
          `n${at}`,
          nodeValue(`n${at}`, [], {
            kind: kind as NodeValue["kind"],
            roles: hasMonitor ? ["monitor"] : [],
            state: isUp ? "up" : "down",
          }),
        ]);
        const graph = graphWith(Object.fromEntries(values));
        const live = values.filter(([, value]) => value.state === "up" && value.roles.includes("monitor"));
        const monitors = monitorsFor(graph, "n0");
        const others = live.filter(([name]) => name !== "n0").map(([name]) => name);
        expect(monitors).toEqual(monitorsFor(graph, "n0"));
        expect(monitors.length).toBe(Math.min(3, others.length > 0 ? others.length : live.length));
        if (others.length > 0) expect(monitors).not.toContain("n0");
        const isStation = (name: string): boolean => graph.get(Node, Node.id(name))?.kind === "station";
        const better = others.filter((name) => !isStation(name));
        if (monitors.some(isStation)) expect(better.every((name) => monitors.includes(name))).toBe(true);
      }),
    );
  });

  it("a session once given is not changed, its number only rises, and one that agrees with all wishes is left alone", () => {
    const change = fc.tuple(fc.nat(4), fc.constantFrom("up", "down"));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const satellites = names(5).map((name): [string, NodeValue] => [
          name,
          nodeValue(name, [], { kind: "satellite", roles: ["monitor"], state: "down" }),
        ]);
        let graph = graphWith({ ...Object.fromEntries(satellites), u: nodeValue("u") });
        const given = new Map<number, string>();
        let last = 1;
        for (const [index, state] of changes) {
          graph = graph.change((draft) => draft.update(Node, Node.id(`m${index}`), { state })).graph;
          if (!badlyWatched(graph).includes(Node.id("u"))) continue;
          graph = graph.change((draft) =>
            giveSession(draft, Node.id("u"), draft.get(Node, "u") ?? nodeValue("u")),
          ).graph;
          expect(badlyWatched(graph)).not.toContain("u");
          const sessions = graph.get(Node, "u")?.sessions ?? [];
          expect(sessions.at(-1)?.session).toBeGreaterThanOrEqual(last);
          last = sessions.at(-1)?.session ?? 0;
          for (const { session, monitors } of sessions) {
            expect(given.get(session) ?? monitors.join()).toBe(monitors.join());
            given.set(session, monitors.join());
          }
        }
      }),
    );
  });
});

describe("instances", () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("want" as const), index: fc.nat(5), env: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constant("unwant" as const), index: fc.nat(5) }),
    fc.record({ kind: fc.constant("unplace" as const), index: fc.nat(5), afterMs: fc.constantFrom(0, 50) }),
    fc.record({
      kind: fc.constant("node" as const),
      node: fc.nat(3),
      state: fc.constantFrom("up" as const, "down" as const),
    }),
  );

  it("generations only rise, an instance has one place, on a node that can take it, and they are spread", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const nodes = Object.fromEntries(["u0", "u1", "u2", "u3"].map((name) => [name, nodeValue(name, ["m"])]));
        const web = Service.id("web");
        let graph = graphWith(nodes).change((draft) => {
          const value = {
            command: ["web"],
            cwd: "",
            exclusive: false,
            instances: 6,
            restartsMax: 3,
            restartWindowMs: 1,
          };
          draft.connect(hasService, THE_CLUSTER, draft.insert(Service, "web", { ...value, on: ["user"] }));
        }).graph;
        let nowMs = 0;
        let generation = 0;
        for (const each of operations) {
          nowMs += 10;
          graph = graph.change((draft) => {
            const id = Instance.id(each.kind === "node" ? "web/0" : `web/${each.index}`);
            if (each.kind === "want") wantInstance(draft, web, each.index, { A: each.env });
            else if (each.kind === "node") draft.update(Node, Node.id(`u${each.node}`), { state: each.state });
            else if (draft.has(Instance, id)) {
              if (each.kind === "unwant") unwantInstance(draft, id, new Budget());
              else unplace(draft, id, { notBeforeMs: nowMs + each.afterMs });
            }
          }).graph;
          const { graph: next, result: orders } = graph.change((draft) => placeWaiting(draft, nowMs, new Budget()));
          graph = next;
          for (const { node, action } of orders) {
            if (action.kind !== "start") throw new Error(`${action.kind} by placing`);
            const given = action.value.spec?.generation ?? 0;
            expect(given).toBeGreaterThan(generation);
            generation = given;
            expect(graph.get(Node, Node.id(node))?.state).toBe("up");
          }
          for (const [id, { notBeforeMs, desired }] of graph.all(Instance)) {
            const places = graph.out(runsOn, id);
            expect(places.length).toBeLessThanOrEqual(1);
            if (places.length === 0 && desired === "running" && notBeforeMs <= nowMs)
              expect([...graph.all(Node)].filter(([, { state }]) => state === "up")).toEqual([]);
          }
        }
        expect(graph.out(hasInstance, web).length).toBe(graph.count(Instance));
      }),
      { numRuns: 60 },
    );
  });

  it("start in the order that is declared: none before one runs of each service that its own comes after", () => {
    const service = { command: ["x"], cwd: "", exclusive: false, instances: 1, restartsMax: 3, restartWindowMs: 1 };
    let graph = graphWith({ u0: nodeValue("u0", ["m"]) }).change((draft) => {
      for (const [name, after] of [
        ["web", ["db", "gone"]],
        ["db", []],
      ] as const) {
        draft.insert(Service, name, { ...service, after: [...after], on: ["user"] });
        draft.connect(hasService, THE_CLUSTER, Service.id(name));
        wantInstance(draft, Service.id(name), 0, {});
      }
    }).graph;
    const place = (): readonly string[] => {
      const placed = graph.change((draft) => placeWaiting(draft, 0, new Budget()));
      graph = placed.graph;
      return placed.result.map(({ instance }) => instance);
    };
    expect([place(), place()]).toEqual([["db/0"], []]);
    expect(graph.get(Instance, "web/0")?.reason).toBe("waits for db, which does not run yet");
    graph = graph.change((draft) => draft.update(Instance, "db/0", { state: "running" })).graph;
    expect(place()).toEqual(["web/0"]);
  });
});
