import { encodeStateCommand, type NodeCommand, STATE_COMMAND_BYTES_MAX } from "@halon/proto";
import { changesToStore, encodeChange } from "@halon/resource-graph";
import { eventType, rule } from "@halon/rules";
import { describe, expect, it } from "vitest";
import { graphOf } from "./script.ts";
import { Reign, Twin } from "./twin.ts";

const USERS = ["u1", "u2", "u3", "u4"];

/** A station with these nodes in its graph. */
function twinOf(users: readonly string[]): Twin {
  const twin = new Twin();
  for (const { key, value } of changesToStore([...graphOf(users).entries()].map(encodeChange)))
    if (value !== undefined) twin.keys.set(`g/${key}`, value);
  return twin;
}

const spec = (instances: number, more: object = {}) =>
  ({
    kind: "clusterSpec",
    value: { json: JSON.stringify({ services: { web: { command: ["web"], instances, ...more } } }), prune: false },
  }) as const;

const told = (commands: readonly NodeCommand[]) =>
  commands.map(({ node, epoch, action }) => `${epoch} ${action?.kind} ${node}`);

describe("the lease", () => {
  it("nothing is done before the first checkpoint, and each one renews from when it was asked for", () => {
    const twin = twinOf(USERS);
    twin.enqueue("cluster-spec", spec(1));
    const reign = new Reign(twin, 100);
    expect(reign.inFlight?.checkpoint).toMatchObject({ epoch: 1, number: 1, consumed: [], changes: [] });
    expect(reign.take("acting")).toEqual([]);
    reign.nowMs = 600;
    reign.decide();
    expect(reign.take("acting")).toHaveLength(1);
    expect(reign.timerAtMs("lease")).toBe(2_100);
    expect(reign.timerAtMs("renew")).toBe(500);
    reign.step({ kind: "timer", name: "renew", random: 0.5 });
    expect(reign.inFlight?.checkpoint).toMatchObject({ number: 2, changes: [] });
    reign.nowMs = 700;
    reign.decide();
    expect(reign.timerAtMs("lease")).toBe(2_600);
  });

  it("R1 it stops when the lease has run out, whatever comes in first after a pause", () => {
    const late = [
      { kind: "timer", name: "lease", random: 0 },
      { kind: "timer", name: "renew", random: 0 },
      { kind: "lane", ask: 1, pieces: [] },
      { kind: "replies", batch: 1, replies: [] },
    ] as const;
    for (const input of late) {
      const twin = twinOf(USERS);
      const reign = new Reign(twin);
      reign.decide();
      reign.outputs.length = 0;
      reign.nowMs = 2_000;
      reign.step(input);
      expect(reign.outputs).toEqual([{ kind: "stop", reason: "the lease ran out before a renewal was decided" }]);
      twin.enqueue("cluster-spec", spec(1));
      reign.feed();
      expect(reign.outputs).toHaveLength(1);
    }
  });

  it("R1 a checkpoint that was decided when its own lease is over begins nothing, and sends nothing", () => {
    const twin = twinOf(USERS);
    const first = new Reign(twin);
    first.nowMs = 2_000;
    first.decide();
    expect(first.stopped).toContain("too late");
    expect(first.take("acting")).toEqual([]);
    const second = new Reign(twin);
    second.decide();
    twin.enqueue("cluster-spec", spec(1));
    second.feed();
    second.settle("silence", 1);
    second.outputs.length = 0;
    second.nowMs = 5_000;
    second.decide();
    expect(second.sent).toEqual([]);
    expect(second.stopped).toBeDefined();
  });

  it("G3 a deposed coordinator's checkpoint is refused, and it stops at that, as at an agent that knows better", () => {
    const twin = twinOf(USERS);
    const old = new Reign(twin);
    old.decide();
    twin.enqueue("cluster-spec", spec(1));
    old.feed();
    const young = new Reign(twin);
    expect(old.decide()).toMatchObject({ applied: false });
    expect(old.stopped).toContain("epoch 2");
    young.decide();
    young.feed();
    young.settle("silence");
    const [batch] = young.take("batch");
    expect(batch).toBeUndefined();
    twin.enqueue("cluster-spec", spec(2));
    young.feed();
    young.decide();
    expect(young.stopped).toBeUndefined();
    young.step({ kind: "replies", batch: 1, replies: [{ id: "x", outcome: "old-epoch", message: "" }] });
    expect(young.stopped).toBe("an agent has heard of a newer epoch");
  });

  it("stops with the stations' own words when a checkpoint is not taken at all", () => {
    const reign = new Reign(twinOf(USERS));
    reign.step({ kind: "decided", result: undefined, why: "command of 3 bytes", random: 0 });
    expect(reign.stopped).toBe("checkpoint 1 was refused: command of 3 bytes");
  });
});

describe("checkpoints", () => {
  it("one is in flight, the next takes all that has happened meanwhile; events go with their effects", () => {
    const twin = twinOf(USERS);
    twin.enqueue("cluster-spec", spec(2));
    const reign = new Reign(twin);
    reign.decide();
    reign.feed();
    const checkpoint = reign.inFlight?.checkpoint;
    expect(checkpoint?.consumedRanges).toEqual([{ first: 1, last: 1, priority: 2 }]);
    expect(checkpoint?.changes.some(({ key }) => key.startsWith("i/cluster-spec/"))).toBe(true);
    twin.enqueue("node-up", {
      kind: "nodeUp",
      value: { node: "u9", agentIncarnation: "a", kind: "user", roles: [], inventory: [], session: 0 },
    });
    twin.enqueue("no-such-type", spec(1));
    reign.feed();
    expect(twin.events).toHaveLength(3);
    reign.decide();
    expect(twin.events.map(({ position }) => position)).toEqual([2, 3]);
    expect(reign.inFlight?.checkpoint.consumedRanges).toEqual([
      { first: 2, last: 2, priority: 1 },
      { first: 3, last: 3, priority: 2 },
    ]);
  });

  it("E2 each of ten coordinators in a row gets every event that was not consumed, and one acts on it once", () => {
    const twin = twinOf(USERS);
    twin.enqueue("cluster-spec", spec(4));
    for (let at = 0; at < 10; at++) {
      const reign = new Reign(twin);
      reign.decide();
      expect(twin.events).toHaveLength(1);
      reign.feed();
      expect(reign.inFlight?.checkpoint.consumedRanges).toEqual([{ first: 1, last: 1, priority: 2 }]);
    }
    const last = new Reign(twin);
    last.settle();
    expect(twin.events).toEqual([]);
    expect(twin.decisions).toEqual(["specification applied"]);
    const sent = new Reign(twin);
    sent.settle();
    expect(twin.decisions).toEqual(["specification applied"]);
  });

  it("goes on in the middle: whatever the checkpoint after which it dies, the end is the same", () => {
    const undisturbed = twinOf(USERS);
    undisturbed.enqueue("cluster-spec", spec(40));
    new Reign(undisturbed).settle("done", 60);
    const keys = [...undisturbed.keys.keys()].sort();
    expect(undisturbed.under("o")).toEqual([]);
    expect(undisturbed.under("i")).toEqual([]);
    for (let dies = 1; dies < 16; dies++) {
      const twin = twinOf(USERS);
      twin.enqueue("cluster-spec", spec(40));
      const first = new Reign(twin);
      for (let at = 0; at < dies; at++) {
        first.feed();
        first.decide(at < dies - 1);
        if (first.inFlight === undefined) first.step({ kind: "timer", name: "renew", random: 0 });
      }
      new Reign(twin).settle("done", 60);
      expect([...twin.keys.keys()].sort()).toEqual(keys);
      expect(twin.decisions).toEqual(["specification applied"]);
    }
  });

  const long = (word: string) =>
    spec(6, { each: Array.from({ length: 6 }, () => ({ env: { A: word + "\u0001".repeat(2_650) } })) });
  const wide = (word: string) => spec(60, { command: ["x".repeat(8_000), word], env: { A: "y".repeat(8_000) } });
  const many = (word: string) => spec(1_000, { command: [word] });

  it.each([
    ["many small instances", many],
    ["the longest specification", long],
    ["long command and env", wide],
  ])("each fits into one command of the log: %s, changed while they are being applied", (_, make) => {
    const twin = twinOf(["u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"]);
    const reign = new Reign(twin);
    let largest = 0;
    for (let round = 0; round < 600; round++) {
      if (round < 12 && round % 3 === 0) twin.enqueue("cluster-spec", make(`v${round}`));
      if (round === 9) twin.enqueue("cluster-spec", long("last"));
      largest = Math.max(largest, reign.inFlight?.command.length ?? 0);
      reign.settle("done", 1);
    }
    expect(reign.stopped).toBeUndefined();
    expect(largest).toBeLessThanOrEqual(STATE_COMMAND_BYTES_MAX);
    expect(reign.core.status["parked"]).toEqual([]);
    expect(twin.under("i")).toEqual([]);
    expect(new Set(twin.decisions)).toEqual(new Set(["specification applied", "merged"]));
  });

  it("a step that brings about too much is parked, and a turn that does stops with the name of the rule", () => {
    const Any = eventType("cluster-spec", (payload) => payload);
    const flood = rule("flood", {
      version: 1,
      on: Any,
      key: () => "k",
      *run(ctx) {
        for (let at = 0; at < 1_400; at++) yield* ctx.decide("x", { text: "y".repeat(160) });
      },
    });
    // What it leaves behind is small until it is removed: a key of 400 characters for each operation.
    const trail = rule("trail", {
      version: 1,
      on: Any,
      key: () => "k".repeat(400),
      *run(ctx) {
        for (let round = 0; round < 9; round++) {
          for (let at = 0; at < 150; at++) yield* ctx.now();
          yield* ctx.after(1);
        }
      },
    });
    for (const [each, status, reason] of [
      [flood, ["flood/k"], undefined],
      [trail, [], /^checkpoint \d+ has \d+ bytes, and 491520 are allowed: a step of trail brings about too much$/],
    ] as const) {
      const twin = new Twin();
      const reign = new Reign(twin, 0, { rules: [each] });
      twin.enqueue("cluster-spec", spec(1));
      reign.settle();
      expect(reign.core.status["parked"]).toEqual(status);
      if (reason === undefined) expect(reign.stopped).toBeUndefined();
      else expect(reign.stopped).toMatch(reason);
    }
  });
});

describe("the outbox", () => {
  const started = (): { readonly twin: Twin; readonly reign: Reign } => {
    const twin = twinOf(["u1", "u2"]);
    twin.enqueue("cluster-spec", spec(2));
    const reign = new Reign(twin);
    for (let at = 0; at < 12 && twin.under("o").length === 0; at++) reign.settle("silence", 1);
    return { twin, reign };
  };

  it("nothing is sent before it is decided, all with the epoch, and a successor sends it again under the same ids", () => {
    const { twin, reign } = started();
    const sent = reign.sent;
    expect(told(sent)).toEqual(["1 start u1", "1 start u2"]);
    expect(sent.map(({ id }) => id)).toEqual(twin.under("o").map(([id]) => id));
    const next = new Reign(twin);
    expect(next.sent).toEqual([]);
    next.decide();
    const again = next.sent;
    expect(told(again)).toEqual(["2 start u1", "2 start u2"]);
    expect(again.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
  });

  it("is resent until a final answer, which takes it out for good", () => {
    const { twin, reign } = started();
    const [batch] = reign.take("batch");
    const [first, second] = batch?.commands ?? [];
    if (batch === undefined || first === undefined || second === undefined) throw new Error("no batch of two");
    const replies = [
      { id: first.id, outcome: "done", message: "" },
      { id: second.id, outcome: "unreachable", message: "" },
    ];
    reign.step({ kind: "replies", batch: batch.batch, replies });
    expect(reign.sent).toEqual([]);
    expect(reign.timerAtMs("resend")).toBe(reign.nowMs + 300);
    reign.settle("silence", 2);
    expect(twin.under("o").map(([id]) => id)).toEqual([second.id]);
    reign.take("batch");
    reign.nowMs += 300;
    reign.step({ kind: "timer", name: "resend", random: 0 });
    expect(reign.sent.map(({ id }) => id)).toEqual([second.id]);
  });

  it("a later command about the same instance takes the place of one without an answer", () => {
    const { twin, reign } = started();
    reign.take("batch");
    twin.enqueue("cluster-spec", spec(2, { env: { A: "1" } }));
    reign.settle("silence", 12);
    const left = twin.under("o").map(([id]) => id);
    expect(left).toHaveLength(2);
    expect(left.every((id) => id.startsWith("cluster-spec/cluster/2/"))).toBe(true);
  });

  it("what is for a node that is down is given up once, and not over and over", () => {
    const { twin, reign } = started();
    reign.take("batch");
    const accusations = ["sat-1", "sat-2"].map((monitor) => ({ monitor, silentMs: 3_400 }));
    twin.enqueue("node-unreachable", { kind: "nodeUnreachable", value: { node: "u1", session: 1, accusations } });
    const settled: string[] = [];
    for (let at = 0; at < 10; at++) {
      reign.feed();
      reign.feed();
      reign.feed();
      const removed =
        reign.inFlight?.checkpoint.changes.filter(({ key, value }) => key.startsWith("o/") && !value) ?? [];
      settled.push(...removed.map(({ key }) => key));
      reign.settle("silence", 1);
    }
    expect(settled.length).toBeGreaterThan(0);
    expect(new Set(settled).size).toBe(settled.length);
    expect(twin.under("o").length).toBeGreaterThan(0);
    expect(told(reign.sent)).not.toContain("1 start u1");
  });

  it("batch jobs fit into one message each", () => {
    const twin = twinOf(["u1", "u2"]);
    twin.enqueue("cluster-spec", spec(45, { env: { A: "x".repeat(15_000) } }));
    new Reign(twin).settle("silence", 300);
    const next = new Reign(twin);
    next.decide();
    const batches = next.take("batch");
    expect(batches.flatMap(({ commands }) => commands)).toHaveLength(45);
    for (const { commands } of batches) {
      const bytes = commands.reduce((sum, command) => sum + JSON.stringify(command).length, 0);
      expect(bytes).toBeLessThan(640 * 1024);
    }
    expect(batches.length).toBeGreaterThan(1);
  });

  it("a welcome carries all that shall run on the node by what is decided, and nothing that is not", () => {
    const { twin, reign } = started();
    reign.settle();
    twin.enqueue("node-up", {
      kind: "nodeUp",
      value: { node: "u1", agentIncarnation: "b", kind: "user", roles: [], inventory: [], session: 1 },
    });
    const welcomes = (commands: readonly NodeCommand[]) =>
      commands.flatMap(({ action }) => (action?.kind === "welcome" ? [action.value] : []));
    reign.feed();
    reign.decide();
    const [batch] = reign.take("batch");
    const [first] = welcomes(batch?.commands ?? []);
    expect(first).toMatchObject({ agentIncarnation: "b", session: 2, needed: 2 });
    expect(first?.instances.map(({ instance }) => instance)).toEqual(["web/0"]);
    const stored = twin.under("o").map(([, bytes]) => bytes.length);
    expect(Math.max(...stored)).toBeLessThan(200);
    twin.enqueue("cluster-spec", spec(0));
    reign.feed();
    expect(reign.inFlight?.checkpoint.consumedRanges).toEqual([{ first: 3, last: 3, priority: 2 }]);
    // Sent again while a change is under way that may never be.
    reign.step({ kind: "replies", batch: batch?.batch ?? 0, replies: [] });
    reign.nowMs += 300;
    reign.step({ kind: "timer", name: "resend", random: 0 });
    expect(welcomes(reign.sent)[0]?.instances.map(({ instance }) => instance)).toEqual(["web/0"]);
    const next = new Reign(twin);
    next.decide();
    expect(welcomes(next.sent)[0]?.instances.map(({ instance }) => instance)).toEqual(["web/0"]);
  });
});

it("the empty checkpoint of a renewal is small", () => {
  const reign = new Reign(twinOf([]));
  expect(encodeStateCommand({ kind: "checkpoint", value: reign.inFlight?.checkpoint ?? never() }).length).toBeLessThan(
    32,
  );
});

function never(): never {
  throw new Error("no checkpoint is in flight");
}
