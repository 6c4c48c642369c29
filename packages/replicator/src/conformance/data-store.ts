import { COMMAND_BYTES_MAX } from "@halon/replicated-log";
import type { Cancel } from "@halon/runtime";
import type { SuiteApi } from "@halon/runtime/conformance";
import { DataStore, type DataStoreError, defineState, json, refuse, stateMachine } from "../data-store/index.ts";
import type { Replicator } from "../replicator.ts";
import type { WatchOptions } from "../watch/index.ts";
import type { ReplicatorHarness, TestGroup } from "./harness.ts";

/** What the suite replicates: who has how much. */
const accounts = defineState({
  values: json<number>(),
  commands: {
    pay(state, { to, amount }: { readonly to: string; readonly amount: number }) {
      const total = (state.get(to) ?? 0) + amount;
      state.set(to, total);
      if (total < 0) refuse(`${to} would have ${total}`);
      return total;
    },
    close: (state, name: string) => state.delete(name),
    crash(state) {
      state.set("crashed", 1);
      throw new TypeError("a mistake");
    },
    report: (_state, length: number) => "x".repeat(length),
  },
  projections: {
    of: (state, name: string) => state.get(name) ?? 0,
    names: (state) => state.entries().map(([name]) => name),
    page: (state, page: { readonly prefix?: string; readonly after?: string; readonly limit?: number }) =>
      state.entries(page).map(([name]) => name),
  },
  checks: {
    pay(args) {
      const { to, amount } = args as { readonly to: unknown; readonly amount: unknown };
      if (typeof to !== "string" || typeof amount !== "number") throw new Error("a name and an amount are expected");
      return args;
    },
  },
});

type Accounts = DataStore<number, (typeof accounts)["commands"], (typeof accounts)["projections"]>;

/** Counts what a replicator calls back: promises go on only when the clock of the group stands still. */
class Counted implements Replicator {
  called = 0;
  readonly #replicator: Replicator;

  constructor(replicator: Replicator) {
    this.#replicator = replicator;
  }

  update: Replicator["update"] = (payload, options, done) =>
    this.#replicator.update(payload, options, this.#counted(done));
  query: Replicator["query"] = (payload, done) => this.#replicator.query(payload, this.#counted(done));
  queryStale: Replicator["queryStale"] = (payload, done) => this.#replicator.queryStale(payload, this.#counted(done));
  watch: Replicator["watch"] = (from, tell): Cancel =>
    this.#replicator.watch(from, (news, proceed) => {
      this.called++;
      tell(news, proceed);
    });

  #counted<Outcome>(done: (outcome: Outcome) => void): (outcome: Outcome) => void {
    return (outcome) => {
      this.called++;
      done(outcome);
    };
  }
}

class Bank {
  readonly store: Accounts;
  readonly group: TestGroup;
  readonly replicator: Counted;

  constructor(group: TestGroup) {
    this.group = group;
    this.replicator = new Counted(group.replicator);
    this.store = new DataStore(accounts, this.replicator);
  }

  /** Runs the group until the promise is settled. */
  async settle<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    for (;;) {
      const before = this.replicator.called;
      await new Promise((resolve) => setImmediate(resolve));
      if (isSettled) return await promise;
      if (this.replicator.called === before) await this.group.until(() => this.replicator.called > before);
    }
  }

  pay(to: string, amount: number): Promise<number> {
    return this.settle(this.store.updateStateWith("pay", { to, amount }));
  }

  /** Code and message of what the promise is rejected with. */
  async errorOf(promise: Promise<unknown>): Promise<string> {
    try {
      await this.settle(promise);
    } catch (error) {
      const { name, code, message } = error as DataStoreError;
      return name === "DataStoreError" ? `${code}: ${message}` : `${name}: ${message}`;
    }
    return "none";
  }
}

type Check = (
  name: string,
  body: (bank: Bank, expect: SuiteApi["expect"]) => Promise<void>,
  watch?: WatchOptions,
) => void;

/** What a `DataStore` promises on any `Replicator`. */
export function dataStoreConformance({ describe, it, expect }: SuiteApi, harness: ReplicatorHarness): void {
  const check: Check = (name, body, watch) =>
    it(name, async () => {
      const group = await harness.open(stateMachine(accounts), watch);
      try {
        await body(new Bank(group), expect);
      } finally {
        await group.close();
      }
    });
  describe("data store conformance", () => {
    using(check);
    refusing(check);
    watching(check);
  });
}

function using(check: Check): void {
  check("commands change the state and answer, projections show it, as of a decree", async (bank, expect) => {
    const { store } = bank;
    const empty = await bank.settle(store.getState("names"));
    expect(empty.state).toEqual([]);
    expect([await bank.pay("ann", 5), await bank.pay("ann", -2), await bank.pay("bob", 1)]).toEqual([5, 3, 1]);
    const of = await bank.settle(store.getState("of", "ann"));
    expect([of.state, of.index > empty.index]).toEqual([3, true]);
    await bank.settle(store.updateStateWith("close", "ann"));
    const names = await bank.settle(store.getState("names"));
    expect([names.state, names.index > of.index]).toEqual([["bob"], true]);
  });

  check("many commands at once are each done once", async (bank, expect) => {
    const all = Array.from({ length: 300 }, (_, at) =>
      bank.store.updateStateWith("pay", { to: `n${at % 7}`, amount: 1 }, { idempotent: at % 3 === 0 }),
    );
    await bank.settle(Promise.all(all));
    const { state } = await bank.settle(bank.store.getState("names"));
    let sum = 0;
    for (const name of state) sum += (await bank.settle(bank.store.getState("of", name))).state;
    expect(sum).toBe(300);
  });

  check("entries come in the order of their keys, by prefix, behind a key, so many", async (bank, expect) => {
    for (const name of ["b/2", "a", "b/1", "c", "b/3"]) await bank.pay(name, 1);
    const page = async (query: { prefix?: string; after?: string; limit?: number }) =>
      (await bank.settle(bank.store.getState("page", query))).state;
    expect(await page({})).toEqual(["a", "b/1", "b/2", "b/3", "c"]);
    expect(await page({ prefix: "b/" })).toEqual(["b/1", "b/2", "b/3"]);
    expect(await page({ prefix: "b/", after: "a", limit: 2 })).toEqual(["b/1", "b/2"]);
    expect(await page({ after: "b/2" })).toEqual(["b/3", "c"]);
    expect(await page({ prefix: "b/", after: "c" })).toEqual([]);
  });

  check("a stale read shows a state that there was", async (bank, expect) => {
    await bank.pay("ann", 5);
    const { state, index } = await bank.settle(bank.store.getState("of", "ann", { stale: true }));
    expect([0, 5].includes(state) && index >= 0, `${state}`).toBe(true);
  });

  check("who does not wait any longer is told that nobody knows", async (bank, expect) => {
    const leaving = new AbortController();
    const calls = [
      bank.store.updateStateWith("pay", { to: "ann", amount: 1 }, { signal: leaving.signal }),
      bank.store.getState("names", undefined, { signal: AbortSignal.abort() }),
    ];
    leaving.abort();
    const errors = await Promise.all(calls.map((each) => bank.errorOf(each)));
    expect(errors.map((error) => error.split(":")[0])).toEqual(["cancelled", "cancelled"]);
    const { state } = await bank.settle(bank.store.getState("of", "ann"));
    expect([0, 1].includes(state)).toBe(true);
  });
}

function refusing(check: Check): void {
  check("what a command refuses, or fails at, changes nothing", async (bank, expect) => {
    const { store } = bank;
    await bank.pay("ann", 5);
    expect(await bank.errorOf(bank.store.updateStateWith("pay", { to: "ann", amount: -9 }))).toBe(
      "refused: ann would have -4",
    );
    expect(await bank.errorOf(store.updateStateWith("pay", { to: "no\nkey", amount: 1 }))).toBe(
      'refused: key "no\\nkey": 1 to 1022 characters of printable ASCII',
    );
    expect((await bank.errorOf(store.updateStateWith("crash"))).split(":")[0]).toBe("failed");
    expect((await bank.errorOf(store.updateStateWith("report", 300_000))).split(":")[0]).toBe("too-large");
    expect((await bank.settle(store.getState("names"))).state).toEqual(["ann"]);
    expect((await bank.settle(store.getState("of", "ann"))).state).toBe(5);
  });

  check("wrong arguments are refused where they are sent, and by the members", async (bank, expect) => {
    const wrong = { to: 7, amount: "much" } as never;
    expect(await bank.errorOf(bank.store.updateStateWith("pay", wrong))).toBe(
      "malformed: arguments of pay: a name and an amount are expected",
    );
    const { checks: _, ...unchecked } = accounts;
    const careless: Accounts = new DataStore(unchecked, bank.replicator);
    expect(await bank.errorOf(careless.updateStateWith("pay", wrong))).toBe(
      "malformed: members do not take these arguments of pay",
    );
    const long = { to: "x".repeat(COMMAND_BYTES_MAX), amount: 1 };
    expect((await bank.errorOf(bank.store.updateStateWith("pay", long))).split(":")[0]).toBe("too-large");
    expect((await bank.settle(bank.store.getState("names"))).state).toEqual([]);
  });

  check("a command that members do not know is refused, and one that is no call at all", async (bank, expect) => {
    const newer = defineState({ ...accounts, commands: { lend: () => 1, toString: () => "" } });
    const store = new DataStore(newer, bank.replicator);
    expect(await bank.errorOf(store.updateStateWith("lend"))).toBe('unknown-name: members know no "lend"');
    expect((await bank.errorOf(store.updateStateWith("toString"))).split(":")[0]).toBe("unknown-name");
    for (const text of [
      "",
      "[]",
      "null",
      '{"name":7}',
      "[".repeat(100_000),
      `{"name":"pay","args":${"[".repeat(70)}${"]".repeat(70)}}`,
    ]) {
      let told = "";
      bank.replicator.update(new TextEncoder().encode(text), { idempotent: true }, (outcome) => {
        told = outcome.kind === "result" ? new TextDecoder().decode(outcome.result) : outcome.kind;
      });
      await bank.group.until(() => told !== "");
      expect(told, text.slice(0, 20)).toBe(
        '{"error":{"code":"malformed","message":"these bytes are no call of a data store"}}',
      );
    }
    expect(await bank.pay("ann", 1)).toBe(1);
  });
}

function watching(check: Check): void {
  check("a watch tells typed changes, from what was read on", async (bank, expect) => {
    const begun = await bank.settle(bank.store.getState("names"));
    const first = bank.store.watch(begun.index);
    const opened = bank.settle(first.next());
    await bank.pay("before", 1);
    await opened;
    await bank.settle(first.return());
    const { index } = await bank.settle(bank.store.getState("names"));
    await bank.pay("ann", 5);
    await bank.pay("b/ob", 1);
    await bank.settle(bank.store.updateStateWith("close", "ann"));
    const told: unknown[] = [];
    const watch = bank.store.watch(index);
    while (told.length < 3) {
      const { value: news } = await bank.settle(watch.next());
      if (news?.kind === "changes") told.push(...news.changes.map(({ key, value }) => [key, value]));
    }
    expect(told).toEqual([
      ["ann", 5],
      ["b/ob", 1],
      ["ann", undefined],
    ]);
    await bank.settle(watch.return());
    const some = bank.store.watch(index, { prefix: "b/" });
    const { value: news } = await bank.settle(some.next());
    expect(news?.kind === "changes" && news.changes.map(({ key }) => key)).toEqual(["b/ob"]);
    await bank.settle(some.return());
  });

  check(
    "a loop that is too slow is told to read the state, and the watch is over",
    async (bank, expect) => {
      const { index } = await bank.settle(bank.store.getState("names"));
      const watch = bank.store.watch(index);
      const first = bank.settle(watch.next());
      await bank.pay("ann", 1);
      await first;
      for (let at = 0; at < 20; at++) await bank.pay("ann", 1);
      let last = (await bank.settle(watch.next())).value;
      while (last?.kind === "changes") last = (await bank.settle(watch.next())).value;
      expect(last?.kind).toBe("resync");
      expect((await bank.settle(watch.next())).done).toBe(true);
      const read = await bank.settle(bank.store.getState("of", "ann"));
      expect([read.state, read.index >= (last?.index ?? 0)]).toEqual([21, true]);
    },
    { changesMax: 5 },
  );

  check("a watch ends when its signal says so", async (bank, expect) => {
    const leaving = new AbortController();
    const { index } = await bank.settle(bank.store.getState("names"));
    const watch = bank.store.watch(index, { signal: leaving.signal });
    const next = watch.next();
    leaving.abort();
    expect((await bank.settle(next)).done).toBe(true);
  });

  check(
    "what cannot be watched is refused",
    async (bank, expect) => {
      const { index } = await bank.settle(bank.store.getState("names"));
      expect((await bank.errorOf(bank.store.watch(index).next())).split(":")[0]).toBe("not-watched");
    },
    { prefixes: ["elsewhere/"] },
  );
}
