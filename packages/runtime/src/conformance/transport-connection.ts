import type { Delivery } from "../transport.ts";
import { codeThrown } from "./suite.ts";
import { ask, bytes, type Check, drained, kinds, LONG_MS, listen, SHORT_MS } from "./transport-harness.ts";

/** What happens without a bus. */
export function connectionLoss(check: Check): void {
  check(
    "unconnected, messages are dropped and counted, requests unsent; healed, subscriptions go on",
    async (bus, expect) => {
      const [a, b] = [await bus.open("a"), await bus.open("b")];
      const changes: boolean[] = [];
      a.onConnection((connected) => changes.push(connected));
      const received = await listen(bus, b, "lossy.*");
      const grouped = await listen(bus, b, "lossy.*", "group");
      expect([a.connected, b.connected]).toEqual([true, true]);
      await bus.cut();
      await bus.until(() => !a.connected && !b.connected && changes.length === 1);

      const before = a.counters.droppedUnconnected;
      for (let n = 0; n < 3; n++) a.publish("lossy.stale", bytes(""));
      expect(a.counters.droppedUnconnected).toBe(before + 3);
      const outcomes = ask(a, "lossy.stale");
      expect(outcomes).toEqual([]);
      await bus.until(() => outcomes.length > 0);
      expect(kinds(outcomes)).toEqual(["unsent"]);
      const meanwhile: Delivery[] = [];
      b.subscribe("lossy.fresh", {}, (delivered) => meanwhile.push(delivered));

      await bus.heal();
      await bus.until(() => a.connected && b.connected && changes.length === 2);
      await drained(bus, b);
      a.publish("lossy.fresh", bytes(""));
      await drained(bus, a, b);
      const subjects = [received, grouped, meanwhile].map((each) => each.map(({ subject }) => subject));
      expect(subjects).toEqual([["lossy.fresh"], ["lossy.fresh"], ["lossy.fresh"]]);
      expect(changes).toEqual([false, true]);
    },
  );

  check("a request that waits when the connection is lost ends by its timeout, once", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const asked = await listen(bus, b, "interrupted");
    const outcomes = ask(a, "interrupted", 5 * SHORT_MS);
    await bus.until(() => asked.length === 1);
    await bus.cut();
    await bus.until(() => !b.connected);
    asked[0]?.respond?.(bytes("into the void"));
    await bus.until(() => outcomes.length > 0);
    await bus.heal();
    await bus.until(() => a.connected && b.connected);
    await drained(bus, b, a);
    expect(outcomes).toEqual([{ kind: "timeout" }]);
    expect(b.counters.droppedUnconnected).toBe(1);
  });
}

/** The end of a transport. */
export function closing(check: Check): void {
  check("what was published before is sent, and nothing is delivered after", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const received = await listen(bus, b, "last.words");
    const mine = await listen(bus, a, "last.words");
    for (let n = 0; n < 500; n++) a.publish("last.words", bytes(""));
    const closed = a.close();
    const heard = mine.length;
    await closed;
    await bus.until(() => received.length === 500);
    expect([received.length, mine.length]).toEqual([500, heard]);
  });

  check(
    "then everything is refused as closed, waiting requests end, and closing again does nothing",
    async (bus, expect) => {
      const a = await bus.open("a");
      const changes: boolean[] = [];
      a.onConnection((connected) => changes.push(connected));
      const asked = await listen(bus, a, "void");
      const outcomes = ask(a, "void");
      await bus.until(() => asked.length === 1);
      const subscription = a.subscribe("other", {}, () => {});
      await a.close();
      await a.close();
      await bus.until(() => outcomes.length > 0);
      expect(outcomes).toEqual([{ kind: "timeout" }]);
      expect([a.connected, changes]).toEqual([false, []]);
      expect(codeThrown(() => a.publish("void", bytes("")))).toBe("closed");
      expect(codeThrown(() => a.request("void", bytes(""), LONG_MS, () => {}))).toBe("closed");
      expect(codeThrown(() => a.subscribe("void", {}, () => {}))).toBe("closed");
      asked[0]?.respond?.(bytes("a late response is no misuse"));
      subscription.unsubscribe();
    },
  );
}
