import { SNAPSHOTS_MAX, type Store, type StoreSnapshot } from "../store.ts";
import { content, flushed, keys, moment, type StoreHarness } from "./store-harness.ts";
import { ALL, put, randomBatch, randomKey, randomRange, remove, removeRange, Twin, text } from "./store-twin.ts";
import { codeThrown, pick, type SuiteApi, seededRandom } from "./suite.ts";

const WRITES = 3_000;
const STEPS = 150;

/** A snapshot shows whole batches and does not change. */
export function snapshots(api: SuiteApi, harness: StoreHarness): void {
  unchanging(api, harness);
  limited(api, harness);
  asTwins(api, harness);
}

function unchanging({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("keeps a snapshot as it was while thousands of batches are written and made durable", async () => {
    const store = await (await fresh()).open();
    store.write([put("a", "1"), put("b", "1"), put("c", "1")]);
    await flushed(store, until);
    const snapshot = store.snapshot();
    const check = (): void => {
      expect(content(snapshot)).toEqual(["a=1", "b=1", "c=1"]);
      expect(keys(snapshot, { reverse: true, limit: 2 })).toEqual(["c", "b"]);
      expect(keys(snapshot, { from: "b", to: "c" })).toEqual(["b"]);
      expect(text(snapshot.get("b"))).toBe("1");
      expect(snapshot.get("d")).toBe(undefined);
    };
    check();
    for (let at = 0; at < WRITES; at++) {
      store.write([put("a", String(at)), at % 2 === 0 ? remove("b") : put("b", "new"), put(`d${at % 100}`)]);
      if (at % 300 === 0) {
        await flushed(store, until);
        check();
      }
    }
    store.write([removeRange(ALL.from, ALL.to)]);
    await flushed(store, until);
    check();
    expect(content(store)).toEqual([]);
    snapshot.release();
    await store.close();
  });

  it("takes a snapshot of all that is durable, and of whole batches, also in the turn of other reads", async () => {
    const store = await (await fresh()).open();
    for (let at = 1; at <= 200; at++) {
      store.write([put("first", String(at)), put("second", String(at))]);
      let durable = 0;
      const isFlushed = at % 4 === 0;
      if (isFlushed) store.flush(() => (durable = at));
      // Read on and on, so that a view which is shared by the reads of a while is there, and old.
      if (isFlushed) await until(() => store.get("never there") === undefined && durable === at);
      else await moment(until);
      store.get("never there");
      expect(text(store.get("first"))).toBe(String(at));
      const snapshot = store.snapshot();
      const [first, second] = ["first", "second"].map((key) => text(snapshot.get(key)));
      expect(first).toBe(second);
      expect(Number(first ?? 0)).toBeGreaterThanOrEqual(durable);
      snapshot.release();
    }
    await store.close();
  });
}

function limited({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("refuses a released snapshot, one too many, bad bounds, and all of them once closed", async () => {
    const store = await (await fresh()).open();
    store.write([put("a")]);
    await flushed(store, until);
    const open: StoreSnapshot[] = [];
    while (open.length < SNAPSHOTS_MAX) open.push(store.snapshot());
    expect(codeThrown(() => store.snapshot())).toBe("busy");
    const [released, other] = open as [StoreSnapshot, StoreSnapshot];
    released.release();
    expect(codeThrown(() => released.get("a"))).toBe("closed");
    expect(codeThrown(() => released.range(ALL))).toBe("closed");
    expect(codeThrown(() => other.range({ from: "a", to: "\u0100" }))).toBe("bad-key");
    expect(keys(other)).toEqual(["a"]);
    store.snapshot();
    expect(codeThrown(() => store.snapshot())).toBe("busy");
    // With all of them still open.
    await store.close();
    expect(codeThrown(() => other.get("a"))).toBe("closed");
    expect(codeThrown(() => other.range(ALL))).toBe("closed");
    expect(codeThrown(() => store.snapshot())).toBe("closed");
  });
}

function asTwins({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("shows in each of several snapshots one state of its own", async () => {
    const random = seededRandom(7);
    const store: Store = await (await fresh()).open();
    let twin = new Twin();
    let open: { readonly snapshot: StoreSnapshot; readonly twin: Twin }[] = [];
    for (let step = 0; step < STEPS; step++) {
      const batch = randomBatch(random);
      store.write(batch);
      twin = twin.with(batch);
      if (pick(random, 3) === 0) await moment(until);
      if (open.length < SNAPSHOTS_MAX && pick(random, 4) === 0) {
        await flushed(store, until);
        open.push({ snapshot: store.snapshot(), twin });
      }
      for (const { snapshot, twin: then } of open) {
        const range = randomRange(random);
        expect(content(snapshot, range), `step ${step}, ${JSON.stringify(range)}`).toEqual(then.content(range));
        const key = randomKey(random);
        expect(text(snapshot.get(key)), `step ${step}, key ${key}`).toBe(then.get(key));
      }
      if (open.length > 0 && pick(random, 6) === 0) {
        const gone = open[pick(random, open.length)];
        gone?.snapshot.release();
        open = open.filter((each) => each !== gone);
      }
    }
    await store.close();
  });
}
