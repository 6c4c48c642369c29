import { describe, expect, it } from "vitest";
import { ExclusiveRight } from "../src/core/exclusive-right.ts";
import { specOf, World } from "./world.ts";

const ONE = specOf("one/0", 1, { exclusive: true });
const WEB = specOf("web/0", 1);

function running(...args: ConstructorParameters<typeof World>): World {
  const world = new World(...args);
  world.start();
  world.welcome(1, [ONE, WEB]);
  world.run(2_000);
  expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([1, 1]);
  return world;
}

describe("restarts", () => {
  it("A3 with backoff, so many in a window, then reported failed and left", () => {
    const world = new World();
    world.start();
    world.welcome(1);
    world.machine.lifetimeMs.set("web/0", 50);
    const startedAtMs = world.clock.nowMs();
    world.startInstance(WEB);
    world.run(30_000);
    expect(world.machine.starts("web/0")).toBe(4);
    expect(world.told("web/0").at(-1)).toBe("failed g1 r3");
    expect(world.clock.nowMs() - startedAtMs).toBeGreaterThan(100 + 200 + 400);
    world.run(300_000);
    expect(world.machine.starts("web/0")).toBe(4);
    expect(world.startInstance(WEB)?.outcome, "the same decision again is no new try").toBe("done");
    world.machine.lifetimeMs.clear();
    world.startInstance(specOf("web/0", 2));
    world.run(1_000);
    expect(world.told("web/0").at(-1)).toBe("running g2 r0");
  });

  it("A3 a stopped service is never restarted: not while it waits, not after the agent's own restart", () => {
    const world = new World();
    world.start();
    world.welcome(1, [WEB]);
    world.run(1_000);
    world.machine.kill("web/0");
    world.run(20);
    expect(world.stopInstance("web/0", 2)).toMatchObject({ outcome: "done", message: "web/0 was not running" });
    world.run(10_000);
    expect(world.machine.starts("web/0")).toBe(1);
    world.killAgent();
    world.start();
    world.run(10_000);
    expect(world.machine.starts("web/0")).toBe(1);
    expect(world.startInstance(WEB)?.outcome).toBe("not-welcome");
    world.welcome(2, []);
    expect(world.startInstance(WEB)?.outcome).toBe("stale");
  });

  it("a failed instance stays failed over the agent's restart", () => {
    const world = new World();
    world.start();
    world.machine.lifetimeMs.set("web/0", 10);
    world.welcome(1, [WEB]);
    world.run(10_000);
    world.killAgent();
    world.start();
    world.welcome(2, [WEB]);
    world.run(10_000);
    expect(world.machine.starts("web/0")).toBe(4);
    const inventories = world.events.flatMap((event) => (event.kind === "nodeUp" ? [event.value.inventory] : []));
    expect(inventories.at(-1)).toMatchObject([{ instance: "web/0", state: "failed" }]);
  });

  it("the node's own services are restarted without end and without a coordinator, and not told of", () => {
    const world = new World({ config: { own: [specOf("monitor", 77)] } });
    world.machine.lifetimeMs.set("monitor", 500);
    world.start();
    world.run(60_000);
    expect(world.machine.starts("monitor")).toBeGreaterThan(10);
    expect(world.told("monitor")).toEqual([]);
    const before = world.machine.starts("monitor");
    world.machine.lifetimeMs.clear();
    world.run(60_000);
    world.killAgent();
    world.start();
    world.run(1_000);
    expect(world.machine.starts("monitor") - before, "adopted").toBeLessThanOrEqual(1);
    expect(world.machine.alive("monitor")).toHaveLength(1);
  });

  it("a node's own service whose configuration has changed is started anew", () => {
    const config = { own: [specOf("monitor", 77)] };
    const world = new World({ config });
    world.start();
    world.run(1_000);
    world.killAgent();
    config.own = [specOf("monitor", 78)];
    world.start();
    world.run(3_000);
    expect(world.machine.alive("monitor").map(({ generation }) => generation)).toEqual([78]);
  });
});

describe("the agent dies", () => {
  it("A4 its services go on, exclusive ones too when it is back within the bound: it adopts them", () => {
    const world = running();
    const pids = ["one/0", "web/0"].map((key) => world.machine.alive(key)[0]?.pid);
    world.killAgent();
    world.run(1_000);
    world.start();
    world.run(5_000);
    expect(world.agent?.status().isWelcomed).toBe(false);
    expect(["one/0", "web/0"].map((key) => world.machine.alive(key)[0]?.pid)).toEqual(pids);
    expect(world.welcome(2, [ONE, WEB])?.outcome).toBe("done");
    world.run(5_000);
    expect(["one/0", "web/0"].map((key) => world.machine.alive(key)[0]?.pid)).toEqual(pids);
    world.machine.kill("web/0");
    world.run(1_000);
    expect(world.machine.alive("web/0"), "an adopted one is restarted like any other").toHaveLength(1);
  });

  it("A4 and does not come back in time: the guard ends the exclusive one, which waits for a new session", () => {
    const world = running();
    world.killAgent();
    world.run(3_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([0, 1]);
    world.start();
    world.run(5_000);
    expect(world.machine.starts("one/0"), "the right of the stored session is over").toBe(1);
    world.welcome(2, [ONE, WEB]);
    world.run(500);
    expect(world.machine.alive("one/0")).toHaveLength(1);
    expect(world.machine.starts("web/0")).toBe(1);
  });

  it("A4 the node is rebooted: all is started again, exclusive ones after the welcome", () => {
    const world = running();
    world.killAgent();
    world.machine.reboot();
    world.start();
    world.run(1_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([0, 1]);
    world.welcome(2, [ONE, WEB]);
    world.run(1_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([1, 1]);
  });

  it("with a damaged state: what ran without a record is ended, and started again when welcomed", () => {
    const world = running();
    world.killAgent();
    world.damageState();
    world.start();
    world.run(100);
    expect(world.machine.alive("web/0")).toHaveLength(0);
    world.welcome(2, [ONE, WEB]);
    world.run(1_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([1, 1]);
  });

  it("in good order: all ends, and the next agent starts it again", () => {
    const world = running();
    let isDone = false;
    world.agent?.endServices(() => {
      isDone = true;
    });
    const told = world.events.length;
    world.run(2_500);
    expect(isDone).toBe(true);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([0, 0]);
    expect(world.events.length - told, "nothing is told of it").toBe(0);
    world.killAgent();
    world.start();
    world.welcome(2, [ONE, WEB]);
    world.run(1_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([1, 1]);
  });
});

/** Cuts the node off right after a heartbeat whose acknowledgements are slow; how long did the instance outlive it? */
function outlivesMs(right: () => ExclusiveRight): number {
  const world = running({ right });
  world.ackMs = 900;
  world.run(10_000);
  // The last heartbeat that any monitor hears leaves now.
  const seen = { atMs: 0 };
  world.monitorPost.subscribe("halon.c.monitor.m1.heartbeat", "heartbeat", () => {
    if (world.silent.size === 0) seen.atMs = world.clock.nowMs();
  });
  world.run(3_000);
  for (const monitor of ["m1", "m2", "m3"]) world.silent.add(monitor);
  while (world.machine.alive("one/0").length > 0 && world.clock.step());
  return world.clock.nowMs() - seen.atMs;
}

describe("a node that is cut off", () => {
  const BOUND_MS = 3_000;

  it("ends its exclusive instances within the bound from the last heartbeat that was heard, and runs the others on", () => {
    expect(outlivesMs(() => new ExclusiveRight())).toBeLessThanOrEqual(BOUND_MS);
    const world = running();
    for (const monitor of ["m1", "m2", "m3"]) world.silent.add(monitor);
    world.run(5_000);
    expect([world.machine.alive("one/0").length, world.machine.alive("web/0").length]).toEqual([0, 1]);
    world.silent.clear();
    world.run(20_000);
    expect(world.machine.alive("one/0"), "lapsed is final for the session").toHaveLength(0);
    expect(world.asked.at(-1)).toBe(1);
    world.welcome(2, [ONE, WEB]);
    world.run(500);
    expect(world.machine.alive("one/0")).toHaveLength(1);
    expect(world.machine.starts("web/0")).toBe(1);
  });

  it("an agent that counts from the receipt of acknowledgements outlives the bound: this is what the test above sees", () => {
    class FromReceipt extends ExclusiveRight {
      protected override deadlineMs(_sentAtMs: number, answeredAtMs: number): number {
        return super.deadlineMs(answeredAtMs, answeredAtMs);
      }
    }
    expect(outlivesMs(() => new FromReceipt())).toBeGreaterThan(BOUND_MS);
  });

  it("keeps its right as long as enough monitors hear it", () => {
    const world = running();
    world.silent.add("m3");
    world.run(30_000);
    expect(world.machine.starts("one/0")).toBe(1);
    world.silent.add("m2");
    world.run(4_000);
    expect(world.machine.alive("one/0")).toHaveLength(0);
  });

  it("moves to a new session without a gap", () => {
    const world = running();
    expect(world.welcome(2, [ONE, WEB], ["m2", "m3", "m4"])?.outcome).toBe("done");
    world.silent.add("m1");
    world.run(20_000);
    expect(world.machine.starts("one/0")).toBe(1);
  });
});
