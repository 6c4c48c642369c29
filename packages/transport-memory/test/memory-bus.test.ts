import { type RequestOutcome, VirtualClock } from "@halon/runtime";
import { MemoryBus, type Network } from "@halon/transport-memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seeded } from "./seeded.ts";

const none = new Uint8Array();

function make(network?: Network) {
  const clock = new VirtualClock();
  const bus = new MemoryBus(
    network === undefined ? { clock, random: seeded(7) } : { clock, random: seeded(7), network },
  );
  return { clock, bus };
}

describe("the network policy", () => {
  it("is asked per receiver and decides on delay, loss and duplication", () => {
    const asked: string[] = [];
    const { clock, bus } = make((from, to, subject) => {
      asked.push(`${from}>${to} ${subject}`);
      return to === "late" ? [30] : to === "twice" ? [5, 9] : [];
    });
    const log: string[] = [];
    for (const name of ["late", "twice", "never"])
      bus.open(name).subscribe("s.*", {}, ({ subject }) => log.push(`${clock.nowMs()} ${name} ${subject}`));
    bus.open("sender").publish("s.1", none);
    clock.runUntil(100);
    expect(asked).toEqual(["sender>late s.1", "sender>twice s.1", "sender>never s.1"]);
    expect(log).toEqual(["5 twice s.1", "9 twice s.1", "30 late s.1"]);
    expect(bus.counters).toEqual({ sent: 3, arrived: 3, lostConnection: 0, lostNetwork: 1 });
  });

  it("carries replies too; of a duplicated one the first counts", () => {
    const { clock, bus } = make((from) => (from === "server" ? [10, 20] : [1]));
    bus.open("server").subscribe("q", {}, ({ respond }) => respond?.(none));
    const log: [number, RequestOutcome][] = [];
    bus.open("client").request("q", none, 500, (outcome) => log.push([clock.nowMs(), outcome]));
    clock.runUntil(1_000);
    expect(log).toEqual([[11, { kind: "reply", payload: none }]]);
  });

  it("a lost request or reply ends as timeout, at its time", () => {
    const { clock, bus } = make((_from, to) => (to === "client" ? [] : [1]));
    bus.open("server").subscribe("q", {}, ({ respond }) => respond?.(none));
    const log: [number, string][] = [];
    bus.open("client").request("q", none, 500, ({ kind }) => log.push([clock.nowMs(), kind]));
    clock.runUntil(1_000);
    expect(log).toEqual([[500, "timeout"]]);
  });
});

describe("connections", () => {
  it("what is under way to a client that loses its connection never arrives, even when it is back in time", () => {
    const { clock, bus } = make(() => [50]);
    const log: string[] = [];
    const receiver = bus.open("receiver");
    receiver.subscribe("s", {}, ({ payload }) => log.push(Buffer.from(payload).toString()));
    receiver.onConnection((connected) => log.push(`${connected}`));
    const sender = bus.open("sender");
    sender.publish("s", Buffer.from("old"));
    clock.runUntil(10);
    bus.disconnect("receiver");
    sender.publish("s", Buffer.from("unheard"));
    clock.runUntil(20);
    bus.connect("receiver");
    sender.publish("s", Buffer.from("new"));
    clock.runUntil(200);
    expect(log).toEqual(["false", "true", "new"]);
    expect(bus.counters.lostConnection).toBe(1);
  });

  it("a reply sent while the requester has no connection never arrives, as it listens nowhere", () => {
    const { clock, bus } = make(() => [10]);
    bus.open("server").subscribe("q", {}, ({ respond }) => respond?.(none));
    const log: [number, string][] = [];
    bus.open("client").request("q", none, 500, ({ kind }) => log.push([clock.nowMs(), kind]));
    bus.disconnect("client");
    clock.runUntil(1_000);
    expect(log).toEqual([[500, "timeout"]]);
  });

  it("a client disconnected by itself stays so when the broker restarts", () => {
    const { clock, bus } = make();
    const [a, b] = [bus.open("a"), bus.open("b")];
    bus.disconnect("a");
    bus.stop();
    const late = bus.open("late");
    expect([a.connected, b.connected, late.connected]).toEqual([false, false, false]);
    bus.start();
    expect([a.connected, b.connected, late.connected]).toEqual([false, true, true]);
    bus.connect("a");
    clock.runUntil(1);
    expect(a.connected).toBe(true);
  });

  it("disconnected members of a queue group get nothing, nobody else loses by it", () => {
    const { clock, bus } = make();
    const counts = { a: 0, b: 0 };
    for (const name of ["a", "b"] as const) bus.open(name).subscribe("job", { queue: "q" }, () => counts[name]++);
    const sender = bus.open("sender");
    bus.disconnect("a");
    for (let n = 0; n < 20; n++) sender.publish("job", none);
    clock.runUntil(1);
    expect(counts).toEqual({ a: 0, b: 20 });
  });
});

describe("killing", () => {
  it("no callback comes any more, not even from the midst of a burst, and the name is free again", () => {
    const { clock, bus } = make();
    const log: string[] = [];
    const victim = bus.open("victim");
    const sender = bus.open("sender");
    victim.onConnection(() => log.push("connection"));
    sender.subscribe("unanswered", {}, () => {});
    victim.request("unanswered", none, 10, ({ kind }) => log.push(kind));
    victim.subscribe("s", {}, () => {
      log.push("got one");
      bus.kill("victim");
    });
    for (let n = 0; n < 5; n++) sender.publish("s", none);
    clock.runUntil(100);
    expect(log).toEqual(["got one"]);
    let again = 0;
    bus.open("victim").subscribe("s", {}, () => again++);
    sender.publish("s", none);
    clock.runUntil(200);
    expect([log.length, again]).toEqual([1, 1]);
    expect(() => victim.publish("s", none)).toThrow(/closed/);
  });

  it("outcomes that have arrived are not told any more", () => {
    const { clock, bus } = make();
    const victim = bus.open("victim");
    let told = 0;
    for (let n = 0; n < 3; n++)
      victim.request("nobody.home", none, 500, () => {
        told++;
        bus.kill("victim");
      });
    clock.runUntil(1_000);
    expect(told).toBe(1);
  });

  it("its subscriptions vanish: requests to it find no responder", () => {
    const { clock, bus } = make();
    bus.open("server").subscribe("q", {}, ({ respond }) => respond?.(none));
    const client = bus.open("client");
    bus.kill("server");
    const kinds: string[] = [];
    client.request("q", none, 500, ({ kind }) => kinds.push(kind));
    clock.runUntil(0);
    expect(kinds).toEqual(["noResponders"]);
  });
});

it("two clients of one name and unknown names are our own mistakes", () => {
  const { bus } = make();
  bus.open("a");
  expect(() => bus.open("a")).toThrow(/client a is open already/);
  expect(() => bus.kill("b")).toThrow(/no client b: there are a/);
});

/** Traffic with every fault, as one text. */
function story(seed: number): string {
  const random = seeded(seed);
  const pick = (below: number): number => random.u32() % below;
  const clock = new VirtualClock();
  const bus = new MemoryBus({
    clock,
    random,
    network: () => (pick(10) === 0 ? [] : pick(10) === 0 ? [pick(20), pick(20)] : [pick(20)]),
  });
  const log: string[] = [];
  const names = ["a", "b", "c", "d"];
  const clients = names.map((name) => bus.open(name));
  for (const [at, client] of clients.entries()) {
    client.subscribe("all.*", {}, ({ subject }) => log.push(`${clock.nowMs()} ${at} ${subject}`));
    client.subscribe("one", { queue: "q" }, ({ respond }) => respond?.(Uint8Array.of(at)));
  }
  for (let turn = 0; turn < 200; turn++) {
    const client = clients[pick(4)];
    const name = names[pick(4)] ?? "a";
    if (pick(12) === 0) bus.disconnect(name);
    else bus.connect(name);
    client?.publish(`all.${turn}`, none);
    client?.request("one", none, 30, (outcome) => log.push(`${clock.nowMs()} ${turn} ${JSON.stringify(outcome)}`));
    clock.runUntil(clock.nowMs() + pick(10));
  }
  clock.runUntil(clock.nowMs() + 100);
  const { sent, arrived, lostConnection } = bus.counters;
  expect(sent).toBe(arrived + lostConnection);
  return log.join("\n");
}

it("the same seed gives the same run, and each request ends once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), (seed) => {
      const first = story(seed);
      expect(story(seed)).toBe(first);
      expect(first.split("\n").filter((line) => line.includes("kind")).length).toBe(200);
    }),
    { numRuns: 20 },
  );
});
