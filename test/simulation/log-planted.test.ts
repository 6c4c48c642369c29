import { SimulationFailure, simulate } from "@halon/simulation";
import { describe, expect, it } from "vitest";
import { cutAllPower, PATIENCE_MS, quiet } from "./log-acts.ts";
import { logModel } from "./log-model.ts";
import type { Substitutes } from "./log-station.ts";
import { BoastfulJournal, PromiseLosingJournal, ResultLosingStore } from "./planted.ts";

/** Each bug shows in most runs. */
const SEEDS = 5;

/**
 * The one order of events in which a forgotten promise shows at once. The leader is cut off with a decree in flight; a
 * second is promised by the third, which restarts, hears only the old leader again, and then only the new one.
 */
function forgetAPromise(substitutes: Substitutes): void {
  const group = quiet({ substitutes });
  const { world } = group;
  const { network } = world;
  world.until(() => group.isEven, PATIENCE_MS, "all even");
  const old = group.leader;
  const others = group.stations.filter((each) => each !== old);
  if (old === undefined) throw new Error("nobody leads");
  const first = old.machine.name;
  const alone = network.partition(
    [first],
    others.map(({ machine }) => machine.name),
  );
  const clients = group.clients.map(({ instance }) => instance);
  clients[0]?.replicator.follow(group.members, first);
  clients[0]?.call({ op: "append", key: "k1", element: "of the old leader" });
  const isNew = (station: (typeof others)[number]): boolean => station.instance?.member.status.role === "leader";
  world.until(() => others.some(isNew), PATIENCE_MS, "another leads");
  const [young, third] = isNew(others[0] as (typeof others)[number]) ? others : others.toReversed();
  if (young === undefined || third === undefined) throw new Error("three stations are needed");
  const youngAlone = network.partition([young.machine.name], [first, third.machine.name]);
  third.restart();
  alone();
  clients[1]?.replicator.follow(group.members, young.machine.name);
  clients[1]?.call({ op: "append", key: "k1", element: "of the new leader" });
  world.runFor(250);
  network.partition([first], [young.machine.name, third.machine.name]);
  youngAlone();
  world.runFor(5_000);
  network.heal();
  world.runFor(5_000);
  world.finish();
}

/** What the action says is broken; undefined when nothing is. */
function brokenBy(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return error.broken;
  }
}

describe("planted bugs are caught", () => {
  it("an acceptor that forgets its promises breaks agreement", () => {
    expect(brokenBy(() => forgetAPromise({}))).toBe(undefined);
    const substitutes: Substitutes = { journal: (_member, real) => new PromiseLosingJournal(real) };
    expect(brokenBy(() => forgetAPromise(substitutes))).toBe("agreement");
  });

  it("a journal that claims to be durable before it is loses what was acknowledged", () => {
    const substitutes: Substitutes = { journal: (_member, real) => new BoastfulJournal(real) };
    for (let seed = 1; seed <= SEEDS; seed++) {
      expect(brokenBy(() => cutAllPower({ seed, stations: 3 }))).toBe(undefined);
      const broken = brokenBy(() => cutAllPower({ seed, stations: 3, substitutes }));
      expect(["agreement", "durability", "linearizable", "crash"], `seed ${seed}`).toContain(broken);
    }
  });

  it("sessions that forget results apply a repeated command twice", () => {
    const substitutes: Substitutes = { store: (_member, real) => new ResultLosingStore(real) };
    const model = logModel({ stations: 3, clients: 3, substitutes });
    const broken = new Set<string | undefined>();
    for (let seed = 1; seed <= SEEDS && !broken.has("linearizable"); seed++)
      broken.add(brokenBy(() => simulate(model, { seed, replay: "" })));
    expect([...broken]).toContain("linearizable");
  });
});
