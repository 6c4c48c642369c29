import { describe, expect, it } from "vitest";
import { ask, clientOf, cutAllPower, PATIENCE_MS, quiet, settle } from "./log-acts.ts";

describe("log", () => {
  for (const stations of [1, 3, 5])
    it(`L1 ${stations} replicas: what is appended is read, whichever replica a client asks first`, () => {
      const group = quiet({ stations });
      settle(group);
      for (let at = 1; at <= 10; at++) {
        const element = `e${at}`;
        const appended = ask(group, clientOf(group.clients[at % 2]), { op: "append", key: "k", element });
        for (const member of group.members) {
          const reader = clientOf(group.clients[(at + 1) % 2]);
          reader.replicator.follow(group.members, member);
          expect(ask(group, reader, { op: "read", key: "k" })).toBe(appended);
        }
      }
      group.world.finish();
    });

  it("L1 a read passes through the log: a leader that was cut off answers none from the past", () => {
    const group = quiet({ stations: 3 });
    const { world } = group;
    settle(group);
    const [near, far] = [clientOf(group.clients[0]), clientOf(group.clients[1])];
    ask(group, near, { op: "replace", key: "k", element: "old" });
    const { leader } = group;
    const old = leader?.machine.name ?? "";
    const others = group.members.filter((name) => name !== old);
    // The first client is cut off together with the leader, the other with the rest.
    const heal = world.network.partition([old, "client-1"], [...others, "client-2"]);
    near.replicator.follow(group.members, old);
    const answers: (string | undefined)[] = [];
    near.call({ op: "read", key: "k" }, (answer) => answers.push(answer));
    world.until(() => group.leader !== undefined && group.leader !== leader, PATIENCE_MS, "another leads");
    ask(group, far, { op: "replace", key: "k", element: "new" });
    near.call({ op: "read", key: "k" }, (answer) => answers.push(answer));
    world.runFor(1_000);
    expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
    heal();
    expect(ask(group, near, { op: "read", key: "k" })).toBe("new");
    world.finish();
  });

  it("L2 a client whose answers are lost retries with the same number: applied once", () => {
    const group = quiet();
    const { world } = group;
    settle(group);
    const client = clientOf(group.clients[0]);
    ask(group, client, { op: "append", key: "k", element: "first" });
    const before = group.ledger.highest;
    // What it asks of the leader arrives, the answer does not. Others send it back to the leader.
    const heal = world.network.cut(group.leader?.machine.name ?? "", "client-1");
    let answer: string | undefined;
    client.call({ op: "append", key: "k", element: "second" }, (each) => {
      answer = each;
    });
    world.until(() => group.ledger.highest >= before + 2, PATIENCE_MS, "it is submitted a second time");
    heal();
    world.until(() => answer !== undefined, PATIENCE_MS, "the answer");
    expect(answer).toBe("first second");
    expect(ask(group, client, { op: "read", key: "k" })).toBe("first second");
    world.finish();
  });

  it("L2 what is kept against duplicates stays bounded while a client goes on for long", () => {
    const group = quiet({ clients: 1 });
    const client = clientOf(group.clients[0]);
    settle(group);
    const kept: number[] = [];
    for (let round = 0; round < 40; round++) {
      for (let at = 0; at < 50; at++) client.call({ op: "replace", key: "k", element: client.newElement() });
      group.world.until(() => group.waiting === 0, PATIENCE_MS, "all are answered");
      const results = group.leader?.instance?.store.range({ from: "~result/", to: "~result0" });
      kept.push(results?.length ?? 0);
    }
    expect(Math.max(...kept)).toBeLessThanOrEqual(200);
    group.world.finish();
  });

  it("L7 a link cut both ways and restored: the pending update completes on both sides", () => {
    const group = quiet({ stations: 2, clients: 2 });
    const { world } = group;
    settle(group);
    for (const client of group.clients) ask(group, clientOf(client), { op: "append", key: "k", element: client.id });
    // Each client stays with one station; between the stations nothing passes, so that neither can decide alone.
    const heal = world.network.partition(["station-1", "client-1"], ["station-2", "client-2"]);
    let answers = 0;
    for (const client of group.clients)
      clientOf(client).call({ op: "append", key: "k", element: `pending ${client.id}` }, (answer) => {
        if (answer !== undefined) answers++;
      });
    world.runFor(1_500);
    expect(answers).toBe(0);
    heal();
    world.until(() => answers === 2, PATIENCE_MS, "both pending updates complete");
    settle(group);
    for (const client of group.clients) {
      const list = ask(group, clientOf(client), { op: "read", key: "k" });
      expect(list.split(" pending ").slice(1).sort()).toEqual(["client-1/app", "client-2/app"]);
    }
    world.finish();
  });

  it("L8 all five killed at once and restarted from disk: nothing that was acknowledged is lost", () => {
    for (let seed = 1; seed <= 10; seed++) expect(() => cutAllPower({ seed, stations: 5 })).not.toThrow();
  });
});
