import { LINE_MAX, WAITING_MAX } from "@halon/event-queue";
import type { SimulatedProcess } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { Reigns } from "./reign.ts";

const SEEDS = [1, 2, 3, 4];

/** Events with texts of their own, and what was said of them. */
class Ledger {
  readonly outcomes = new Map<string, string>();
  readonly #reigns: Reigns;
  #count = 0;

  constructor(reigns: Reigns) {
    this.#reigns = reigns;
  }

  submit(count: number): void {
    for (let at = 0; at < count; at++) {
      const text = `e${++this.#count}`;
      this.#reigns.witness(text, (kind) => this.outcomes.set(text, kind));
    }
  }

  get stored(): readonly string[] {
    return [...this.outcomes].filter(([, kind]) => kind === "stored").map(([text]) => text);
  }

  /** All that were submitted have been stored, and each was counted once. */
  settle(withinMs: number): void {
    const { world } = this.#reigns;
    const isCounted = (): boolean =>
      this.stored.length === this.#count && this.stored.every((text) => this.#reigns.witnessed.has(text));
    world.until(isCounted, withinMs, () => `all are stored and counted: ${this.stored.length} of ${this.#count}`);
    world.runFor(3_000);
    expect([...this.#reigns.witnessed].filter(([, times]) => times !== 1)).toEqual([]);
    expect(this.#reigns.witnessed.size).toBe(this.#count);
  }
}

const replicasOf = ({ world }: Reigns): readonly SimulatedProcess[] =>
  world.processes.filter(({ name }) => name.endsWith("station-replica"));

describe.each(SEEDS)("events to coordinators, seed %i", (seed) => {
  it("E1 are stored with no coordinator present, and all come to the one that appears", () => {
    const reigns = new Reigns(seed, 3);
    const ledger = new Ledger(reigns);
    ledger.submit(100);
    reigns.world.until(() => ledger.stored.length === 100, 3_000, "all are stored");
    expect(reigns.isActing).toBe(false);
    ledger.settle(10_000);
  });

  it("E2 coordinators come and go: each event has its effect once, and a live one is not sent it again", () => {
    const reigns = new Reigns(seed, 3);
    const ledger = new Ledger(reigns);
    reigns.untilActing(0, 10_000);
    for (let reign = 0; reign < 5; reign++) {
      ledger.submit(12);
      reigns.world.runFor(reigns.world.chance.between(0, 60));
      const { epoch, process } = reigns.present;
      process.kill();
      ledger.submit(12);
      reigns.untilActing(epoch, 5_000);
    }
    ledger.settle(10_000);
  });

  it("E4 the queue dies, moves, hears nothing or says nothing: each event is stored, and counted once", () => {
    const reigns = new Reigns(seed, 3);
    const ledger = new Ledger(reigns);
    const { world } = reigns;
    reigns.untilActing(0, 10_000);
    for (let round = 0; round < 4; round++) {
      ledger.submit(10);
      world.runFor(world.chance.between(0, 40));
      const station = `station-${(round % 3) + 1}`;
      if (round % 2 === 0) {
        const heal = world.network.cut(station, "client");
        world.runFor(2_000);
        heal();
      } else {
        const replicas = replicasOf(reigns);
        for (const replica of replicas) replica.kill();
        world.runFor(1_000);
        for (const replica of replicas) replica.start();
      }
      ledger.submit(10);
      world.runFor(1_500);
    }
    ledger.settle(30_000);
  });

  it("E5 with two of five stations gone events go on; without a quorum producers wait, tell, and all of it arrives", () => {
    const reigns = new Reigns(seed, 5);
    const ledger = new Ledger(reigns);
    const { world } = reigns;
    reigns.untilActing(0, 10_000);
    const [first, second, third] = replicasOf(reigns);
    first?.kill();
    second?.kill();
    ledger.submit(30);
    world.until(() => ledger.stored.length === 30, 10_000, "all are stored by three of five");
    third?.kill();
    world.runFor(1_000);
    ledger.submit(60);
    world.runFor(10_000);
    expect(ledger.outcomes.size).toBe(30);
    expect(reigns.client.producer.status).toMatchObject({ waiting: 60 });
    for (const each of [first, second, third]) each?.start();
    ledger.settle(30_000);
  });

  it("E6 an event that was consumed is not consumed again, however often its producer has to repeat it", () => {
    const reigns = new Reigns(seed, 3);
    const ledger = new Ledger(reigns);
    const { world } = reigns;
    reigns.untilActing(0, 10_000);
    for (let round = 0; round < 5; round++) {
      ledger.submit(10);
      // What it sends arrives, or has arrived; the answers do not.
      world.runFor(world.chance.between(0, 8));
      const heals = reigns.names.map((name) => world.network.cut(name, "client"));
      world.runFor(1_700);
      for (const heal of heals) heal();
    }
    ledger.settle(20_000);
  });

  it("E8 clearing is an operator's act, said in the decision log; what is added after it is delivered", () => {
    const reigns = new Reigns(seed, 3);
    const { world } = reigns;
    const first = new Ledger(reigns);
    first.submit(50);
    world.until(() => first.stored.length === 50, 3_000, "all are stored");
    let cleared = 0;
    const value = { from: 0, through: 30, type: "", priority: 2, by: "op", why: "a test" };
    reigns.client.command({ kind: "clearQueue", value }, (result) => {
      if (result.kind === "clear") cleared = result.value.cleared;
    });
    world.until(() => cleared > 0, 3_000, "it is cleared");
    expect([cleared, reigns.isActing]).toEqual([30, false]);
    let isLater = false;
    reigns.witness("later", () => {
      isLater = true;
    });
    world.until(() => isLater && reigns.witnessed.has("later"), 10_000, "what came later is counted");
    expect(reigns.witnessed.size).toBe(21);
    expect(reigns.decisions).toContain("queue cleared");
  });
});

describe("a producer without a quorum", () => {
  it("E5 holds so many events and no more: then it refuses, or lets its caller wait, as that has chosen", () => {
    const reigns = new Reigns(1, 3);
    const { world } = reigns;
    reigns.untilActing(0, 10_000);
    for (const replica of replicasOf(reigns).slice(1)) replica.kill();
    world.runFor(1_000);
    const outcomes: string[] = [];
    for (let at = 0; at < WAITING_MAX; at++) reigns.witness("mass", (kind) => outcomes.push(kind));
    world.runFor(100);
    expect(outcomes).toEqual([]);
    reigns.witness("refused", (kind) => outcomes.push(`refused ${kind}`));
    for (let at = 0; at <= LINE_MAX; at++)
      reigns.witness("in-line", (kind) => outcomes.push(`waits ${kind}`), { whenFull: "wait" });
    world.runFor(100);
    expect(outcomes).toEqual(["refused full", "waits full"]);
    for (const replica of replicasOf(reigns)) if (replica.state === "down") replica.start();
    const all = (): number => (reigns.witnessed.get("mass") ?? 0) + (reigns.witnessed.get("in-line") ?? 0);
    world.until(() => all() === WAITING_MAX + LINE_MAX, 60_000, "all that waited has arrived");
    expect(outcomes.filter((kind) => kind.endsWith("stored"))).toHaveLength(WAITING_MAX + LINE_MAX);
    expect(reigns.witnessed.has("refused")).toBe(false);
  });
});
