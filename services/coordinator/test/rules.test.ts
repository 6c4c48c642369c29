import { encodeEventPayload } from "@halon/proto";
import { toJson } from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import { Instance, Node, Parameter, Service } from "../src/index.ts";
import { SESSIONS_MAX } from "../src/sessions.ts";
import { graphOf, nodeValue, type Outcome, Script, WATCHERS } from "./script.ts";

const USERS = ["u1", "u2", "u3", "u4"];
const web = (instances: number, more: object = {}) => ({ web: { command: ["web"], instances, ...more } });
const counts = (outcome: Outcome): readonly number[] => {
  const byNode = new Map<string, number>();
  for (const node of Object.values(outcome.places)) byNode.set(node, (byNode.get(node) ?? 0) + 1);
  return [...byNode.values()].sort((a, b) => b - a);
};

describe("cluster-spec", () => {
  it("A1 starts each instance once, spread over nodes of the wanted kind, and again changes nothing", () => {
    const once = new Script().apply(web(3)).run(graphOf(USERS));
    expect(once.told).toEqual(["start web/0 on u1", "start web/1 on u2", "start web/2 on u3"]);
    expect(once.commands.map(({ session }) => session)).toEqual([1, 1, 1]);
    expect(once.commands.map(({ action }) => action?.kind === "start" && action.value.spec?.generation)).toEqual([
      1, 2, 3,
    ]);
    const twice = new Script().apply(web(3)).apply(web(3)).run(graphOf(USERS));
    expect(twice.told).toEqual(once.told);
    expect(toJson(twice.graph)).toEqual(toJson(once.graph));
    expect(twice.decided).toEqual(["specification applied", "specification applied"]);
  });

  it("counts go up and down, and what was stopped is forgotten when its agent says so", () => {
    const script = new Script().apply(web(2)).apply(web(4)).apply(web(1));
    const outcome = script.runOnce(graphOf(USERS));
    expect(outcome.told.slice(4).sort()).toEqual(["stop web/1 on u2", "stop web/2 on u3", "stop web/3 on u4"]);
    expect(outcome.instance("web/2")).toMatchObject({ desired: "stopped", node: "u3" });
    for (const [instance, node] of [
      ["web/1", "u2"],
      ["web/2", "u3"],
      ["web/3", "u4"],
    ] as const)
      script.changed(node, instance, outcome.instance(instance)?.generation ?? 0, "stopped");
    expect(script.run(graphOf(USERS)).places).toEqual({ "web/0": "u1" });
  });

  it("A1 changed parameters restart the instance they are of, once", () => {
    const each = (word: string) => [{ env: { WORD: "a" } }, { env: { WORD: word } }, { env: { WORD: "c" } }];
    const script = new Script().apply(web(3, { each: each("b") })).apply(web(3, { each: each("other") }));
    const outcome = script.apply(web(3, { each: each("other") })).run(graphOf(USERS));
    expect(outcome.told.slice(3)).toEqual(["start web/1 on u2"]);
    expect(outcome.instance("web/1")).toMatchObject({ generation: 4, state: "starting" });
    expect(outcome.graph.count(Parameter)).toBe(3);
    const again = new Script()
      .apply(web(2))
      .apply({ web: { command: ["web", "-v"], instances: 2 } })
      .run(graphOf(USERS));
    expect(again.told.slice(2)).toEqual(["start web/0 on u1", "start web/1 on u2"]);
  });

  it("absent services stop only with prune, and go when their last instance has stopped", () => {
    const other = { other: { command: ["other"] } };
    const kept = new Script()
      .apply({ ...web(1), ...other })
      .apply(web(1))
      .run(graphOf(USERS));
    expect(kept.told).toHaveLength(2);
    const script = new Script().apply({ ...web(1), ...other }).apply(web(1), true);
    const pruned = script.run(graphOf(USERS));
    expect(pruned.told.slice(2)).toEqual(["stop other/0 on u1"]);
    const { generation = 0 } = pruned.instance("other/0") ?? {};
    const gone = script.changed("u1", "other/0", generation, "stopped").run(graphOf(USERS));
    expect([...gone.graph.all(Service)].map(([id]) => id)).toEqual(["web"]);
    expect(gone.graph.count(Instance)).toBe(1);
  });

  it("a service with no instances stays declared when its last one has stopped", () => {
    const script = new Script().apply(web(1)).apply(web(0));
    const { generation = 0 } = script.run(graphOf(USERS)).instance("web/0") ?? {};
    const outcome = script.changed("u1", "web/0", generation, "stopped").run(graphOf(USERS));
    expect(outcome.graph.get(Service, Service.id("web"))?.instances).toBe(0);
    expect(outcome.graph.count(Instance)).toBe(0);
  });

  it.each([
    ["not JSON", "{services:"],
    ["no map", "[]"],
    ["mistakes", JSON.stringify({ services: { web: { command: [], instances: -1 } } })],
    ["a value that no vertex takes", '{"services":{"web":{"command":["a"],"env":{"__proto__":"x"}}}}'],
    ["far too long an argument", JSON.stringify({ services: { web: { command: ["x".repeat(70_000)] } } })],
  ])("%s changes nothing, is told, and the next one is applied", (_, json) => {
    const bad = new Script().event({ kind: "clusterSpec", value: { json, prune: true } }).rest();
    const refused = bad.run(graphOf(USERS));
    expect(refused.decided).toEqual(["specification refused"]);
    expect(toJson(refused.graph)).toEqual(toJson(graphOf(USERS)));
    expect(refused.left).toEqual([]);
    expect(bad.apply(web(1)).run(graphOf(USERS)).decided).toEqual(["specification refused", "specification applied"]);
  });

  it("300 instances are applied, restarted and stopped, on four nodes and on two", () => {
    for (const users of [USERS, ["u1", "u2"]]) {
      const script = new Script().apply(web(300)).rest(80);
      const outcome = script.runOnce(graphOf(users));
      expect(outcome.told).toHaveLength(300);
      expect(counts(outcome)).toEqual(users.map(() => 300 / users.length));
      const env = { WORD: "x".repeat(500) };
      const after = script.apply(web(300, { env })).rest(200).apply({}, true).rest(80).runOnce(graphOf(users));
      expect(after.told).toHaveLength(900);
      expect(after.left).toEqual([]);
    }
  });

  it("as many as there may be; one more is refused with the reason, also over several specifications", () => {
    const users = Array.from({ length: 8 }, (_, at) => `u${at}`);
    const script = new Script().apply(web(1_000)).rest(300);
    expect(script.runOnce(graphOf(users)).told).toHaveLength(1_000);
    script.apply({ other: { command: ["other"] } });
    const outcome = script.runOnce(graphOf(users));
    expect(outcome.decided).toEqual(["specification applied", "specification refused"]);
    expect(JSON.stringify(outcome.scenario.decisions.at(-1)?.facts)).toContain("1001 instances in the cluster");
    expect(outcome.graph.has(Service, Service.id("other"))).toBe(false);
  });

  it("a node takes no more than its welcome can carry", () => {
    const env = { WORD: "x".repeat(15_000) };
    const outcome = new Script()
      .apply(web(40, { env }))
      .rest(200)
      .runOnce(graphOf(["u1"]));
    expect(outcome.told.length).toBeGreaterThan(20);
    expect(outcome.told.length).toBeLessThan(30);
    expect(outcome.instance("web/39")?.reason).toContain("1 has too long specifications already");
  });
});

describe("node-up and session-begun", () => {
  it("a node is welcomed, and given instances only when its session has begun", () => {
    const script = new Script().apply(web(1)).nodeUp("u1").rest();
    const before = script.run(graphOf([]));
    expect(before.told).toEqual(["welcome u1 into 1"]);
    expect(before.instance("web/0")).toMatchObject({ state: "pending", node: "" });
    expect(before.instance("web/0")?.reason).toContain("1 has not begun its session");
    expect(before.node("u1")?.sessions[0]).toMatchObject({ monitors: WATCHERS, needed: 2, begun: false });
    expect(script.begun("u1", 1).run(graphOf([])).told).toEqual(["welcome u1 into 1", "start web/0 on u1"]);
  });

  it("a session that was not begun is given again, to a restarted agent too; a begun one is followed by the next", () => {
    const script = new Script().nodeUp("u1").nodeUp("u1", [], "user", "second").rest();
    expect(script.run(graphOf([])).told).toEqual(["welcome u1 into 1", "welcome u1 into 1"]);
    const late = new Script().nodeUp("u1").nodeUp("u1", [], "user", "second").begun("u1", 1).run(graphOf([]));
    expect(late.node("u1")?.sessions[0]?.begun).toBe(false);
    script.begun("u1", 1, "second").nodeUp("u1", [], "user", "third").rest();
    const outcome = script.run(graphOf([]));
    expect(outcome.told.at(-1)).toBe("welcome u1 into 2");
    expect(outcome.node("u1")?.sessions.map(({ session }) => session)).toEqual([1, 2]);
    expect(
      script
        .begun("u1", 2, "third")
        .run(graphOf([]))
        .node("u1")
        ?.sessions.map(({ session }) => session),
    ).toEqual([2]);
  });

  it("more monitors make new sessions for all who have too few", () => {
    const script = new Script().nodeUp("m1", ["monitor"], "satellite").begun("m1", 1).nodeUp("u1").begun("u1", 1);
    script.nodeUp("m2", ["monitor"], "satellite").rest();
    const outcome = script.run(
      graphOf([]).change((draft) => WATCHERS.map((id) => draft.remove(Node, Node.id(id)))).graph,
    );
    expect(outcome.told).toEqual([
      "welcome m1 into 1",
      "welcome u1 into 1",
      "welcome m2 into 1",
      "welcome m1 into 2",
      "welcome u1 into 2",
    ]);
    expect(outcome.node("u1")?.sessions.at(-1)).toMatchObject({ monitors: ["m1", "m2"], needed: 2, begun: false });
  });

  it("an agent that begins none of its sessions is still answered when there are as many as there may be", () => {
    const sessions = Array.from({ length: SESSIONS_MAX }, (_, at) => ({
      session: at + 1,
      monitors: at % 2 === 0 ? ["sat-1"] : ["sat-2"],
      needed: 1,
      begun: false,
    }));
    const u1 = nodeValue("u1", [], { sessions, sessionLast: SESSIONS_MAX });
    const outcome = new Script().nodeUp("u1", [], "user", "second").rest().run(graphOf([], { u1 }));
    expect(outcome.told).toEqual([`welcome u1 into ${SESSIONS_MAX}`]);
    expect(outcome.node("u1")?.agentIncarnation).toBe("second");
  });

  it("an instance that was to be stopped in an earlier session is stopped again in the new one", () => {
    const script = new Script().apply(web(1)).apply({}, true).nodeUp("u1").rest().begun("u1", 2);
    const outcome = script.run(graphOf(["u1"]));
    expect(outcome.told).toEqual(["start web/0 on u1", "stop web/0 on u1", "welcome u1 into 2", "stop web/0 on u1"]);
    expect(outcome.commands.map(({ session }) => session)).toEqual([1, 1, 0, 2]);
  });

  it("news that cannot be are refused at the door, and the next one of that node is taken", () => {
    const bytes = (node: string, role: string, kind: string) =>
      encodeEventPayload({
        kind: "nodeUp",
        value: { node, agentIncarnation: "a", kind, roles: [role], inventory: [], session: 0 },
      });
    const script = new Script()
      .raw("node-up", bytes("u1", "x".repeat(300), "user"))
      .raw("node-up", bytes("u1", "", "user"));
    script.raw("node-up", bytes("u1", "monitor", "moon")).raw("node-up", bytes("u 1", "monitor", "user"));
    script.changed("u1", "no instance", 1, "running").changed("u1", "web/0", 1, "flying").nodeUp("u1").rest();
    const outcome = script.run(graphOf([]));
    expect(outcome.scenario.refused).toHaveLength(6);
    expect(outcome.told).toEqual(["welcome u1 into 1"]);
    expect(outcome.left).toEqual([]);
  });
});

describe("node-unreachable", () => {
  const lost = () => new Script().apply({ ...web(4), one: { command: ["one"], exclusive: true } }).rest(2);

  it("below the threshold nothing is moved, and the same monitor twice is one", () => {
    const outcome = lost().accuse("u1", ["sat-1"]).accuse("u1", ["sat-1", "stranger"]).rest().run(graphOf(USERS));
    expect(outcome.node("u1")?.state).toBe("up");
    expect(outcome.told.filter((each) => each.startsWith("start"))).toHaveLength(5);
  });

  it("at it, by union over events, all leaves at once but what is exclusive", () => {
    const before = lost().run(graphOf(USERS));
    const node = before.instance("one/0")?.node ?? "";
    const web0 = Object.entries(before.places).filter(([id, place]) => place === node && id !== "one/0");
    const script = lost().accuse(node, ["sat-1"], 3_000).accuse(node, ["sat-3"], 3_000).rest();
    const outcome = script.run(graphOf(USERS));
    expect(outcome.node(node)).toMatchObject({ state: "down", sessions: [] });
    expect(outcome.instance("one/0")).toMatchObject({ node: "", state: "pending" });
    for (const [id] of web0) expect(outcome.instance(id)?.node).not.toBe(node);
    expect(Object.values(outcome.places).filter((place) => place === node)).toEqual([]);
    // 3 000 of silence are known of, and of the bound 3 150 must be over by log time.
    const { notBeforeMs = 0 } = outcome.instance("one/0") ?? {};
    expect(notBeforeMs).toBe(script.nowMs - 40 + 150);
    const early = script.pass(notBeforeMs - 1 - script.nowMs).run(graphOf(USERS));
    expect(early.instance("one/0")?.node).toBe("");
    const late = script.pass(1).rest(1).run(graphOf(USERS));
    expect(late.instance("one/0")).toMatchObject({ state: "starting" });
    expect(late.instance("one/0")?.node).not.toBe(node);
    expect(late.decided.at(-1)).toBe("exclusive instances of the lost node may run elsewhere");
  });

  it("a long silence leaves nothing to wait for", () => {
    const node = lost().run(graphOf(USERS)).instance("one/0")?.node ?? "";
    const outcome = lost().accuse(node, ["sat-1", "sat-2"], 3_400).rest().run(graphOf(USERS));
    expect(outcome.instance("one/0")).toMatchObject({ state: "starting" });
  });

  it("of several sessions that may be in force each must be accused, and one that nobody watches keeps what is exclusive", () => {
    const session = (number: number, monitors: readonly string[], needed: number) => ({
      session: number,
      monitors: [...monitors],
      needed,
      begun: number === 1,
    });
    const both = nodeValue("u1", [], { sessionLast: 2, sessions: [session(1, WATCHERS, 2), session(2, WATCHERS, 2)] });
    const script = new Script().accuse("u1", ["sat-1", "sat-2"]).rest();
    expect(script.run(graphOf([], { u1: both })).node("u1")?.state).toBe("up");
    script.accuse("u1", ["sat-2", "sat-3"], 3_400, 2).rest();
    expect(script.run(graphOf([], { u1: both })).node("u1")?.state).toBe("down");

    const unwatched = new Script().apply({ one: { command: ["one"], exclusive: true } }).rest();
    const begun = graphOf(["u1"]);
    const withOne = new Script().apply({ one: { command: ["one"], exclusive: true } }).runOnce(begun).graph;
    const graph = withOne.change((draft) => {
      draft.update(Node, Node.id("u1"), { sessionLast: 2, sessions: [session(1, WATCHERS, 2), session(2, [], 0)] });
    }).graph;
    unwatched.accuse("u1", WATCHERS).rest();
    expect(unwatched.run(graph).node("u1")?.state).toBe("up");
    const without = begun.change((draft) => {
      draft.update(Node, Node.id("u1"), { sessionLast: 2, sessions: [session(1, WATCHERS, 2), session(2, [], 0)] });
    }).graph;
    expect(new Script().accuse("u1", WATCHERS).rest().run(without).node("u1")?.state).toBe("down");
  });

  it("accused by too few it gets a new session, and one that it has begun ends all that was said of the old one", () => {
    const script = lost().accuse("u1", ["sat-1"]).pass(2_000).rest();
    const outcome = script.run(graphOf(USERS));
    expect(outcome.told.at(-1)).toBe("welcome u1 into 2");
    script.begun("u1", 2).accuse("u1", ["sat-2", "sat-3"]).rest();
    const after = script.run(graphOf(USERS));
    expect(after.node("u1")).toMatchObject({ state: "up", accusations: [] });
  });

  it("a node that comes back is welcomed into a new session, without what has left it", () => {
    const script = lost().accuse("u1", ["sat-1", "sat-2"]).rest().nodeUp("u1", [], "user", "second").rest();
    const outcome = script.run(graphOf(USERS));
    expect(outcome.node("u1")).toMatchObject({ state: "up", sessionLast: 2 });
    expect(Object.values(outcome.places)).not.toContain("u1");
  });

  it("a lost monitor is replaced for all that it watched", () => {
    const sat4 = nodeValue("sat-4", WATCHERS, { kind: "satellite", roles: ["monitor"] });
    const outcome = new Script()
      .accuse("sat-1", ["sat-2", "sat-3"])
      .rest()
      .run(graphOf(["u1"], { "sat-4": sat4 }));
    expect(outcome.node("sat-1")?.state).toBe("down");
    expect(outcome.node("u1")?.sessions.at(-1)).toMatchObject({ monitors: ["sat-2", "sat-3", "sat-4"], begun: false });
  });

  it("a node full of instances is evacuated in parts, and one that comes back meanwhile keeps the rest", () => {
    const script = new Script().apply(web(200)).rest(60);
    const full = script.runOnce(graphOf(["u1"])).graph;
    const spare = full.change((draft) => draft.insert(Node, "u2", nodeValue("u2", WATCHERS))).graph;
    const moved = new Script().accuse("u1", ["sat-1", "sat-2"]).rest(40).runOnce(spare);
    expect(counts(moved)).toEqual([200]);
    expect(moved.places["web/0"]).toBe("u2");
    expect(moved.left).toEqual([]);
    const back = new Script().accuse("u1", ["sat-1", "sat-2"]).rest(1).nodeUp("u1").rest(60).runOnce(spare);
    const started = back.told.filter((each) => each.startsWith("start"));
    const onSpare = Object.values(back.places).filter((place) => place === "u2");
    expect(new Set(Object.values(back.places))).toEqual(new Set(["u1", "u2"]));
    expect(started).toHaveLength(onSpare.length);
  });
});

describe("instance-changed", () => {
  it("A3 what its node has given up on runs elsewhere, and on that node again only when there is no other", () => {
    const script = new Script()
      .apply(web(1))
      .changed("u1", "web/0", 1, "running")
      .changed("u1", "web/0", 1, "failed", "exit 1");
    const outcome = script.run(graphOf(["u1", "u2"]));
    expect(outcome.told).toEqual(["start web/0 on u1", "start web/0 on u2"]);
    expect(outcome.instance("web/0")).toMatchObject({ node: "u2", generation: 2, avoid: "u1" });
    expect(outcome.scenario.decisions.at(-1)?.facts).toMatchObject({ from: "u1", to: "u2", reason: "exit 1" });
    expect(script.run(graphOf(["u1"])).told).toEqual(["start web/0 on u1", "start web/0 on u1"]);
  });

  it("news of an older decision or of another node changes nothing", () => {
    const script = new Script().apply(web(1)).apply(web(1, { env: { A: "1" } }));
    const before = script.run(graphOf(["u1", "u2"]));
    script.changed("u1", "web/0", 1, "failed").changed("u2", "web/0", 2, "failed").changed("u1", "web/7", 1, "running");
    expect(toJson(script.run(graphOf(["u1", "u2"])).graph)).toEqual(toJson(before.graph));
  });

  it("a running instance tells its port, and makes room for others that wait", () => {
    const outcome = new Script()
      .apply(web(1))
      .changed("u1", "web/0", 1, "running")
      .run(graphOf(["u1"]));
    expect(outcome.instance("web/0")).toMatchObject({ state: "running", port: 4_000, pid: 7 });
  });
});
