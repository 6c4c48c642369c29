import { Post } from "@halon/proto";
import { type Random, VirtualClock } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import { askHealth, type HealthAnswer, type HealthStatus, serveHealth } from "../src/index.ts";

const random: Random = { u32: () => 7 };
const who = { node: "user-1", service: "monitor" };

/** What is answered, when nobody serves with `status` undefined. */
function ask(
  status: (() => HealthStatus) | undefined,
  { isLost = false, cluster = "east" } = {},
): readonly HealthAnswer[] {
  const clock = new VirtualClock();
  const bus = new MemoryBus({ clock, random, network: (from) => (isLost && from === "service" ? [] : [0.1]) });
  const service = new Post(bus.open("service"), random, { cluster: "east", sender: "user-1.monitor" });
  const asker = new Post(bus.open("asker"), random, { cluster, sender: "user-1.monitor.health" });
  if (status !== undefined) serveHealth(service, { ...who, status });
  const answers: HealthAnswer[] = [];
  askHealth(asker, { ...who, timeoutMs: 1_000 }, (answer) => answers.push(answer));
  clock.runUntil(2_000);
  return answers;
}

describe("health", () => {
  it("is what the service says at that moment", () => {
    expect(ask(() => ({ healthy: true, seen: 3n, at: ["a"] }))).toEqual([
      { healthy: true, text: '{"healthy":true,"seen":3,"at":["a"]}' },
    ]);
    expect(ask(() => ({ healthy: false }))).toEqual([{ healthy: false, text: '{"healthy":false}' }]);
  });

  it("is bad where nobody answers, or nobody of this cluster, or not in time", () => {
    expect(ask(undefined)).toMatchInlineSnapshot(`
      [
        {
          "healthy": false,
          "text": "{"healthy":false,"node":"user-1","service":"monitor","why":"nobody answers for it in cluster east: it is not running, or not connected"}",
        },
      ]
    `);
    expect(ask(() => ({ healthy: true }), { cluster: "west" })).toMatchInlineSnapshot(`
      [
        {
          "healthy": false,
          "text": "{"healthy":false,"node":"user-1","service":"monitor","why":"nobody answers for it in cluster west: it is not running, or not connected"}",
        },
      ]
    `);
    expect(ask(() => ({ healthy: true }), { isLost: true })).toMatchInlineSnapshot(`
      [
        {
          "healthy": false,
          "text": "{"healthy":false,"node":"user-1","service":"monitor","why":"no answer within 1000 ms"}",
        },
      ]
    `);
  });

  it("is answered also when the details are too long", () => {
    expect(ask(() => ({ healthy: true, long: "x".repeat(100_000) }))).toEqual([
      { healthy: true, text: '{"healthy":true,"leftOut":"details of 100026 characters"}' },
    ]);
  });
});
