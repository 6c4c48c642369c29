import { KEY_CHARS_MAX, type Store, type StoreChange, VALUE_BYTES_MAX } from "../store.ts";
import { content, flushed, keys, moment, type StoreHarness } from "./store-harness.ts";
import { snapshots } from "./store-snapshots.ts";
import {
  ALL,
  bytesOf,
  put,
  randomBatch,
  randomKey,
  randomRange,
  remove,
  removeRange,
  Twin,
  text,
} from "./store-twin.ts";
import { codeThrown, patterned, pick, type SuiteApi, seededRandom } from "./suite.ts";

const SEEDS = 12;
const STEPS = 60;
/** What a {@link Store} promises. Every adapter runs it. */
export function storeConformance(api: SuiteApi, harness: StoreHarness): void {
  api.describe("store conformance", () => {
    writing(api, harness);
    ranging(api, harness);
    deletingRanges(api, harness);
    refusing(api, harness);
    persisting(api, harness);
    snapshots(api, harness);
    asTwin(api, harness);
    crashing(api, harness);
  });
}

function writing({ it, expect }: SuiteApi, { fresh }: StoreHarness): void {
  it("shows a batch as soon as it is written", async () => {
    const store = await (await fresh()).open();
    expect(store.get("a")).toBe(undefined);
    expect(store.range(ALL)).toEqual([]);
    store.write([put("a", "1"), put("b", "2")]);
    expect(text(store.get("a"))).toBe("1");
    store.write([put("a", "3"), remove("b"), remove("never there")]);
    expect(text(store.get("a"))).toBe("3");
    expect(store.get("b")).toBe(undefined);
    expect(content(store)).toEqual(["a=3"]);
    await store.close();
  });

  it("applies the changes of a batch in order", async () => {
    const store = await (await fresh()).open();
    store.write([put("a", "1"), remove("a"), put("a", "2"), put("b"), removeRange("a", "b"), put("a0"), remove("b")]);
    expect(content(store)).toEqual(["a0=a0"]);
    store.write([]);
    expect(content(store)).toEqual(["a0=a0"]);
    await store.close();
  });

  it("takes values of zero and of VALUE_BYTES_MAX bytes and keys of KEY_CHARS_MAX characters", async () => {
    const place = await fresh();
    const store = await place.open();
    const longest = "~".repeat(KEY_CHARS_MAX);
    store.write([put("empty", ""), { kind: "put", key: longest, value: patterned(VALUE_BYTES_MAX, 3) }]);
    const check = (opened: Store): void => {
      expect(text(opened.get("empty"))).toBe("");
      expect(Buffer.compare(opened.get(longest) ?? bytesOf(""), patterned(VALUE_BYTES_MAX, 3))).toBe(0);
      expect(keys(opened, { from: "~" })).toEqual([longest]);
    };
    check(store);
    await store.close();
    const again = await place.open();
    check(again);
    await again.close();
  });
}

function ranging({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  const ordered = [" ", "!", "0", "A", "Z", "a", "a ", "a!", "a/b", "a/b/", "a0", "aa", "b", "~", "~~"];

  it("orders keys by their bytes, durable and merely written ones alike", async () => {
    const store = await (await fresh()).open();
    store.write(ordered.filter((_, at) => at % 2 === 0).map((key) => put(key)));
    await flushed(store, until);
    store.write(ordered.filter((_, at) => at % 2 === 1).map((key) => put(key)));
    expect(keys(store)).toEqual(ordered);
    expect(keys(store, { reverse: true })).toEqual([...ordered].reverse());
    await flushed(store, until);
    expect(keys(store)).toEqual(ordered);
    await store.close();
  });

  it("takes half-open ranges, limits, both directions, and ends that do not exist", async () => {
    const store = await (await fresh()).open();
    store.write(ordered.map((key) => put(key)));
    for (const wait of [false, true]) {
      if (wait) await flushed(store, until);
      expect(keys(store, { from: "a", to: "b" })).toEqual(["a", "a ", "a!", "a/b", "a/b/", "a0", "aa"]);
      expect(keys(store, { from: "a", to: "b", reverse: true, limit: 2 })).toEqual(["aa", "a0"]);
      expect(keys(store, { from: "a/", to: "a0" })).toEqual(["a/b", "a/b/"]);
      expect(keys(store, { from: "a/", to: "a/\x7f", reverse: true })).toEqual(["a/b/", "a/b"]);
      expect(keys(store, { from: "a", limit: 1 })).toEqual(["a"]);
      expect(keys(store, { limit: 0 })).toEqual([]);
      expect(keys(store, { from: "b", to: "a" })).toEqual([]);
      expect(keys(store, { from: "b", to: "a", reverse: true })).toEqual([]);
      expect(keys(store, { from: "a", to: "a" })).toEqual([]);
      expect(keys(store, { from: "", to: "" })).toEqual([]);
      expect(keys(store, { from: "", to: "", reverse: true })).toEqual([]);
    }
    await store.close();
  });

  it("is as of the call: later writes do not show", async () => {
    const store = await (await fresh()).open();
    store.write([put("a", "1"), put("b", "1")]);
    await flushed(store, until);
    store.write([put("c", "1")]);
    const before = store.range(ALL);
    store.write([put("a", "2"), remove("b"), put("d", "2"), removeRange("c", "d")]);
    await flushed(store, until);
    expect(before.map(([key, value]) => `${key}=${text(value)}`)).toEqual(["a=1", "b=1", "c=1"]);
    await store.close();
  });
}

function deletingRanges({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("deletes ranges over durable and merely written entries", async () => {
    const place = await fresh();
    const store = await place.open();
    store.write(["a1", "a2", "a3", "b1"].map((key) => put(key)));
    await flushed(store, until);
    store.write([put("a4"), put("a2", "new")]);
    store.write([removeRange("a2", "a5"), put("a3", "back")]);
    expect(content(store)).toEqual(["a1=a1", "a3=back", "b1=b1"]);
    store.write([removeRange("x", "y"), removeRange("b", "a")]);
    await store.close();
    const again = await place.open();
    expect(content(again)).toEqual(["a1=a1", "a3=back", "b1=b1"]);
    again.write([removeRange(ALL.from, ALL.to)]);
    expect(content(again)).toEqual([]);
    await again.close();
  });
}

function refusing({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("refuses a bad batch as a whole", async () => {
    const store = await (await fresh()).open();
    const tooLarge: StoreChange = { kind: "put", key: "big", value: new Uint8Array(VALUE_BYTES_MAX + 1) };
    expect(codeThrown(() => store.write([put("a"), put("b\n")]))).toBe("bad-key");
    expect(codeThrown(() => store.write([put("a"), put("")]))).toBe("bad-key");
    expect(codeThrown(() => store.write([put("a"), remove("ü")]))).toBe("bad-key");
    expect(codeThrown(() => store.write([put("a"), put("k".repeat(KEY_CHARS_MAX + 1))]))).toBe("bad-key");
    expect(codeThrown(() => store.write([put("a"), removeRange("a", "ü")]))).toBe("bad-key");
    expect(codeThrown(() => store.write([put("a"), tooLarge]))).toBe("too-large");
    expect(codeThrown(() => store.range({ from: "a", to: "\u0100" }))).toBe("bad-key");
    await flushed(store, until);
    expect(keys(store)).toEqual([]);
    await store.close();
  });

  it("refuses everything once closed", async () => {
    const store = await (await fresh()).open();
    await store.close();
    await store.close();
    expect(codeThrown(() => store.write([put("a")]))).toBe("closed");
    expect(codeThrown(() => store.get("a"))).toBe("closed");
    expect(codeThrown(() => store.range(ALL))).toBe("closed");
    expect(codeThrown(() => store.flush(() => undefined))).toBe("closed");
  });
}

function persisting({ it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  it("answers flushes in order and never from within the call", async () => {
    const store = await (await fresh()).open();
    const answered: number[] = [];
    let calling = false;
    for (let at = 0; at < 10; at++) {
      calling = true;
      if (at % 3 !== 0) store.write([put(`key ${at}`)]);
      store.flush(() => {
        expect(calling, "called from within flush").toBe(false);
        answered.push(at);
      });
      calling = false;
    }
    await until(() => answered.length === 10);
    expect(answered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await store.close();
  });

  it("has everything after reopening", async () => {
    const place = await fresh();
    let store = await place.open();
    for (let round = 0; round < 3; round++) {
      store.write([put(`round ${round}`), put("last", String(round))]);
      await store.close();
      store = await place.open();
      expect(text(store.get("last"))).toBe(String(round));
      expect(keys(store).length).toBe(round + 2);
    }
    await store.close();
  });
}

function asTwin({ describe, it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  describe("does what a sorted map does", () => {
    for (let seed = 1; seed <= SEEDS; seed++)
      it(`seed ${seed}`, async () => {
        const random = seededRandom(seed);
        const place = await fresh();
        let store = await place.open();
        let twin = new Twin();
        for (let step = 0; step < STEPS; step++) {
          const batch = randomBatch(random);
          store.write(batch);
          twin = twin.with(batch);
          // So that reads meet batches of which a commit is under way, and newer ones.
          if (pick(random, 3) === 0) await moment(until);
          const range = randomRange(random);
          expect(content(store, range), `step ${step}, ${JSON.stringify(range)}`).toEqual(twin.content(range));
          const key = randomKey(random);
          expect(text(store.get(key)), `step ${step}, key ${key}`).toBe(twin.get(key));
          if (pick(random, 6) === 0) await flushed(store, until);
          if (pick(random, 30) === 0) {
            await store.close();
            store = await place.open();
          }
        }
        expect(content(store)).toEqual(twin.content(ALL));
        await store.close();
      });
  });
}

function crashing({ describe, it, expect }: SuiteApi, { fresh, until }: StoreHarness): void {
  describe("after a crash whole batches are left, in order, with all flushed ones", () => {
    for (let seed = 1; seed <= SEEDS; seed++)
      it(`seed ${seed}`, async () => {
        const random = seededRandom(seed);
        const place = await fresh();
        if (place.crash === undefined) return;
        let store = await place.open();
        let twin = new Twin();
        for (let life = 0; life < 3; life++) {
          const history = [twin];
          let durable = 0;
          const steps = pick(random, 20);
          for (let step = 0; step < steps; step++) {
            // A key of its own per batch, so that no two states are alike.
            const batch = [...randomBatch(random), put("batch", `${life}.${step}`)];
            store.write(batch);
            twin = twin.with(batch);
            const count = history.push(twin) - 1;
            store.flush(() => {
              durable = count;
            });
            if (pick(random, 2) === 0) await moment(until);
            if (pick(random, 8) === 0) await until(() => durable === count);
          }
          await place.crash();
          store = await place.open();
          const found = content(store).join("\n");
          const at = history.findIndex((state) => state.content(ALL).join("\n") === found);
          expect(at, `durable ${durable}, found ${found}`).toBeGreaterThanOrEqual(durable);
          twin = history[at] as Twin;
        }
        await store.close();
      });
  });
}
