import { describe, expect, it } from "vitest";
import { specOf, World } from "./world.ts";

/** A node that was welcomed into session 1. */
function welcomed(...args: ConstructorParameters<typeof World>): World {
  const world = new World(...args);
  world.start();
  expect(world.welcome(1)?.outcome).toBe("done");
  return world;
}

describe("the coordinator's commands", () => {
  it("A1 start, status, stop: each once, and said so when there is nothing to do", () => {
    const world = welcomed();
    expect(world.startInstance(specOf("web/0", 1))).toMatchObject({ outcome: "done", message: "started" });
    world.run(500);
    expect(world.machine.alive("web/0")).toHaveLength(1);
    expect(world.told("web/0")).toEqual(["starting g1 r0", "running g1 r0"]);
    expect(world.agent?.status().instances).toMatchObject([{ instance: "web/0", state: "running", generation: 1 }]);

    expect(world.startInstance(specOf("web/0", 1))?.message).toBe("generation 1 was started already");
    world.run(500);
    expect(world.machine.starts("web/0")).toBe(1);

    expect(world.stopInstance("web/0", 2)).toMatchObject({ outcome: "done", message: "stopped" });
    world.run(500);
    expect(world.machine.alive("web/0")).toHaveLength(0);
    expect(world.told("web/0").at(-1)).toBe("stopped g2 r0");
    expect(world.stopInstance("web/0", 2)).toMatchObject({ outcome: "done", message: "web/0 was not running" });
    expect(world.stopInstance("db/0", 1)).toMatchObject({ outcome: "done", message: "db/0 was not running" });
  });

  it("A1 reconfigured, restarted: a new generation restarts it once, on the same port", () => {
    const world = welcomed();
    world.startInstance(specOf("web/0", 1, { env: { COLOUR: "red" } }));
    world.run(500);
    const [first] = world.machine.alive("web/0");
    const again = specOf("web/0", 2, { env: { COLOUR: "blue" } });
    expect(world.startInstance(again)?.message).toBe("restarted");
    expect(world.startInstance(again)?.outcome).toBe("done");
    world.run(3_000);
    const [second, ...more] = world.machine.alive("web/0");
    expect(more).toEqual([]);
    expect(world.machine.starts("web/0")).toBe(2);
    expect(second?.request).toMatchObject({ generation: 2, env: { COLOUR: "blue" }, port: first?.port });
    expect(world.told("web/0").at(-1)).toBe("running g2 r0");
  });

  it("are refused with an old epoch, and an old generation is answered without acting", () => {
    const world = welcomed();
    expect(world.startInstance(specOf("web/0", 5), 3)?.outcome).toBe("done");
    expect(world.startInstance(specOf("web/1", 1), 2)?.outcome).toBe("old-epoch");
    expect(world.stopInstance("web/0", 4, 3)?.outcome).toBe("stale");
    expect(world.stopInstance("web/0", 6, 3)?.outcome).toBe("done");
    expect(world.startInstance(specOf("web/0", 5), 3)?.outcome).toBe("stale");
    expect(world.startInstance(specOf("web/0", 6), 3)?.outcome, "stopping is final for a generation").toBe("done");
    world.run(3_000);
    expect(world.machine.alive("web/0")).toHaveLength(0);
    expect(world.machine.starts("web/1")).toBe(0);
  });

  it("are not obeyed before this life of the agent was welcomed", () => {
    const world = new World();
    world.start();
    expect(world.startInstance(specOf("web/0", 1))?.outcome).toBe("not-welcome");
    world.welcome(1);
    expect(world.startInstance(specOf("web/0", 1))?.outcome).toBe("done");
    world.killAgent();
    world.start();
    expect(world.startInstance(specOf("web/1", 1))?.outcome).toBe("not-welcome");
    world.welcome(2, [specOf("web/0", 1)]);
    expect(world.startInstance(specOf("web/1", 1))?.outcome).toBe("done");
  });

  it("are refused when meant for another session: one that is over, or one not yet begun", () => {
    const world = welcomed();
    world.welcome(4);
    expect(world.startInstance(specOf("web/0", 1), 1, 1)?.outcome).toBe("stale");
    expect(world.startInstance(specOf("web/0", 1), 1, 5)?.outcome).toBe("not-welcome");
    expect(world.startInstance(specOf("web/0", 1), 1, 4)?.outcome).toBe("done");
  });

  it.each([
    ["no program", { command: [] }],
    ["a zero byte", { command: ["a\0b"] }],
    ["an odd variable", { env: { "A=B": "1" } }],
    ["an odd name", { instance: "../../etc" }],
    ["generation 0", { generation: 0 }],
    ["restarts without a window", { restartWindowMs: 0 }],
  ])("with a malformed specification are refused: %s", (_what, wrong) => {
    const world = welcomed();
    const reply = world.startInstance({ ...specOf("web/0", 1), ...wrong });
    expect(reply?.outcome).toBe("refused");
    expect(reply?.message).not.toBe("");
  });

  it("are answered when what they have changed is durable: a crash before that forgets both", () => {
    const world = welcomed();
    world.diskMs = 2_000;
    const answer = world.commandLater({ kind: "start", value: { spec: specOf("web/0", 1) } }, 7);
    expect(answer(1_500)).toBeUndefined();
    world.killAgent();
    world.diskMs = 3;
    world.start();
    expect(world.agent?.status().epoch).toBe(1);
    world.run(100);
    expect(world.machine.alive("web/0"), "what runs without a record is ended").toHaveLength(0);
  });

  it("of a past epoch are refused after the agent's restart too", () => {
    const world = welcomed();
    world.startInstance(specOf("web/0", 1), 7);
    world.killAgent();
    world.start();
    expect(world.command(world.welcomeAction(2), 6)?.outcome).toBe("old-epoch");
  });

  it("a start that cannot be fenced is held until there is a right, and then runs", () => {
    const world = new World();
    world.start();
    world.silent.add("m1").add("m2").add("m3");
    const answer = world.commandLater(world.welcomeAction(1, [specOf("one/0", 1, { exclusive: true })]));
    expect(answer(1_500)?.outcome).toBe("done");
    expect(world.machine.starts("one/0")).toBe(0);
    world.silent.clear();
    world.run(1_500);
    expect(world.machine.alive("one/0")[0]?.grant?.session).toBe(1);
  });

  it("stopping an exclusive instance is answered when nothing of it is left", () => {
    const world = welcomed();
    world.startInstance(specOf("one/0", 1, { exclusive: true }));
    world.run(500);
    expect(world.machine.alive("one/0")).toHaveLength(1);
    expect(world.stopInstance("one/0", 2)?.outcome).toBe("done");
    expect(world.machine.alive("one/0")).toHaveLength(0);
  });
});

describe("a welcome", () => {
  it("is the whole of what shall run: the missing is started, the surplus stopped, the rest left alone", () => {
    const world = welcomed();
    for (const each of ["a/0", "b/0"]) world.startInstance(specOf(each, 1));
    world.run(500);
    expect(world.welcome(2, [specOf("b/0", 1), specOf("c/0", 1)])?.outcome).toBe("done");
    world.run(500);
    expect(["a/0", "b/0", "c/0"].map((key) => world.machine.alive(key).length)).toEqual([0, 1, 1]);
    expect(world.machine.starts("b/0")).toBe(1);
  });

  it("that comes again, or late, changes nothing any more", () => {
    const world = welcomed();
    world.welcome(2, [specOf("a/0", 1)]);
    world.startInstance(specOf("b/0", 1));
    expect(world.welcome(2, [specOf("a/0", 1)])?.outcome).toBe("done");
    expect(world.welcome(1, [])?.outcome).toBe("stale");
    world.run(3_000);
    expect(["a/0", "b/0"].map((key) => world.machine.alive(key).length)).toEqual([1, 1]);
  });

  it("for another life of the agent is refused", () => {
    const world = new World();
    world.start();
    const former = world.welcomeAction(1, [specOf("a/0", 1)]);
    world.killAgent();
    world.start();
    expect(world.command(former)?.outcome).toBe("refused");
    expect(world.machine.starts("a/0")).toBe(0);
  });

  it("is answered once nothing runs on the right of an earlier session", () => {
    const world = welcomed();
    const one = specOf("one/0", 1, { exclusive: true });
    world.startInstance(one);
    world.run(1_000);
    world.silent.add("m1").add("m2").add("m3");
    const answer = world.commandLater(world.welcomeAction(2, [one]));
    expect(answer(1_000), "the guard still has the deadline of session 1").toBeUndefined();
    expect(world.machine.alive("one/0")).toHaveLength(1);
    expect(answer(3_000)?.outcome).toBe("done");
    expect(world.machine.alive("one/0")).toHaveLength(0);
  });
});

describe("session-begun", () => {
  it("is said when the session is durable", () => {
    const world = new World();
    world.start();
    world.diskMs = 1_000;
    const answer = world.commandLater(world.welcomeAction(1));
    expect(answer(900)).toBeUndefined();
    expect(world.begun).toEqual([]);
    world.run(2_000);
    expect(world.begun).toEqual([1]);
  });

  it("is not said while anything runs on the right of an earlier session", () => {
    const world = welcomed();
    const one = specOf("one/0", 1, { exclusive: true });
    world.startInstance(one);
    world.run(1_000);
    for (const monitor of ["m1", "m2", "m3"]) world.silent.add(monitor);
    world.commandLater(world.welcomeAction(2, [one]));
    world.run(1_000);
    expect(world.machine.alive("one/0")).toHaveLength(1);
    expect(world.begun).toEqual([1]);
    world.silent.clear();
    world.run(1_100);
    expect(world.machine.starts("one/0"), "the new session has prolonged it").toBe(1);
    expect(world.begun).toEqual([1, 2]);
  });
});

describe("node-up", () => {
  it("is said until welcomed, ever more seldom", () => {
    const world = new World();
    world.start();
    world.run(4_000);
    expect(world.asked).toEqual([0]);
    world.run(60_000);
    expect(world.asked.length).toBeGreaterThan(2);
    expect(world.asked.length).toBeLessThan(7);
    world.welcome(1);
    const asked = world.asked.length;
    world.run(200_000);
    expect(world.asked).toHaveLength(asked);
  });

  it("is said once for the whole of an outage, at its end", () => {
    const world = welcomed();
    const asked = world.asked.length;
    world.isQueueUp = false;
    for (const monitor of ["m1", "m2", "m3"]) world.silent.add(monitor);
    world.run(100_000);
    world.silent.clear();
    world.isQueueUp = true;
    world.run(1_000);
    expect(world.asked.slice(asked)).toEqual([1]);
  });
});

describe("what is told", () => {
  it("is the newest state of each instance, when the queue has been away", () => {
    const world = welcomed();
    world.isQueueUp = false;
    for (let generation = 1; generation <= 40; generation++) world.startInstance(specOf("web/0", generation));
    world.stopInstance("web/0", 41);
    world.run(3_000);
    world.isQueueUp = true;
    world.run(1_000);
    expect(world.told("web/0").length).toBeLessThanOrEqual(2);
    expect(world.told("web/0").at(-1)).toBe("stopped g41 r0");
  });
});

describe("activation", () => {
  const config = { coordinator: { kind: "process", command: ["rc"], env: {} } } as const;

  it("starts one coordinator per epoch, once; a newer epoch replaces it, an older one is refused", () => {
    const world = new World({ config });
    world.start();
    expect(world.activate(3)).toBe("started");
    expect(world.machine.alive("coordinator")[0]?.request.env["HALON_EPOCH"]).toBe("3");
    expect(world.activate(3)).toBe("running");
    expect(world.activate(2)).toBe("refused");
    expect(world.activate(5)).toBe("started");
    expect(world.machine.alive("coordinator").map(({ generation }) => generation)).toEqual([5]);
    world.machine.kill("coordinator");
    world.run(10_000);
    expect(world.machine.alive("coordinator"), "an ended one is not started again").toEqual([]);
    expect(world.activate(5)).toBe("refused");
    expect(world.activate(6)).toBe("started");
  });

  it("ends obedience to older coordinators", () => {
    const world = welcomed({ config });
    world.activate(3);
    expect(world.startInstance(specOf("web/0", 1), 2)?.outcome).toBe("old-epoch");
  });

  it("survives the agent: the next one finds the coordinator running", () => {
    const world = new World({ config });
    world.start();
    world.activate(3);
    world.killAgent();
    world.start();
    expect(world.activate(3)).toBe("running");
    expect(world.machine.starts("coordinator")).toBe(1);
    expect(world.activate(4)).toBe("started");
    expect(world.machine.alive("coordinator").map(({ generation }) => generation)).toEqual([4]);
  });

  it("is passed on to a resident coordinator, and its answer back", () => {
    const world = new World({ config: { coordinator: { kind: "resident" } } });
    world.start();
    expect(world.activate(1), "nobody waits").toBe("refused");
    const told: number[] = [];
    world.openResident((epoch) => {
      told.push(epoch);
      return told.length === 1 ? "started" : "running";
    });
    expect([world.activate(2), world.activate(2), world.activate(1)]).toEqual(["started", "running", "refused"]);
    expect(told).toEqual([2, 2]);
  });

  it("is refused where there is no coordinator", () => {
    const world = new World();
    world.start();
    expect(world.activate(1)).toBe("refused");
  });
});
