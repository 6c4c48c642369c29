import { enqueue, LAST_POSITION_KEY } from "@halon/event-queue";
import type { QueryReply } from "@halon/proto";
import { type Store, VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import { untilConsumed } from "../src/api/consumption.ts";
import { emptyStore } from "./graph-store.ts";

const SPAN_MS = 5_000;
const patient = new AbortController().signal;

/** Puts events into the store, as the log does. */
function store(events: Store, count: number): void {
  const writes: Parameters<Store["write"]>[0][number][] = [];
  const state = {
    get: (key: string) => events.get(key),
    range: (range: Parameters<Store["range"]>[0]) => events.range(range),
    put: (key: string, value: Uint8Array) => writes.push({ kind: "put", key, value }),
    delete: (key: string) => writes.push({ kind: "delete", key }),
    deleteRange: (from: string, to: string) => writes.push({ kind: "deleteRange", from, to }),
  };
  const id = { producer: "p", incarnation: "i" };
  const batch = Array.from({ length: count }, (_, at) => ({
    ...{ id: { ...id, seq: at + 1 }, type: "t", payload: new Uint8Array(), traceparent: "", lowest: 1 },
  }));
  enqueue(state as unknown as Parameters<typeof enqueue>[0], { events: batch }, 0);
  events.write(writes);
}

/** A station which has applied what is in the store, while the log has got as far as event `last`. */
class Station {
  readonly clock = new VirtualClock();
  readonly store = emptyStore();
  readonly asked: { minApplied: number; answer: (reply: QueryReply) => void }[] = [];
  cancelled = 0;
  isFull = false;
  applied = 7;
  outcome: boolean | undefined;

  begin(last: number, signal: AbortSignal = patient): Promise<boolean> {
    const { clock, store: own } = this;
    const result = new TextEncoder().encode(String(last));
    const query = (_: Uint8Array, done: (outcome: { kind: "result"; result: Uint8Array }) => void) => {
      clock.at(clock.nowMs() + 1, () => done({ kind: "result", result }));
      return () => {
        this.cancelled++;
      };
    };
    const replicator = { query, queryStale: query, update: () => () => undefined };
    const ends = untilConsumed(
      { clock, replicator, store: own, ask: (...args) => this.#ask(...args) },
      SPAN_MS,
      signal,
    );
    void ends.then((outcome) => {
      this.outcome = outcome;
    });
    return ends;
  }

  /** The log goes on: whoever waits for that is answered. */
  async goOn(change: () => void): Promise<void> {
    change();
    this.applied++;
    for (const { minApplied, answer } of this.asked.splice(0))
      if (minApplied <= this.applied)
        answer({ applied: this.applied, logTimeMs: 0, body: { kind: "lease", value: LEASE } });
    await Promise.resolve();
  }

  async pass(ms: number): Promise<void> {
    this.clock.runUntil(this.clock.nowMs() + ms);
    await Promise.resolve();
  }

  #ask({ minApplied }: { minApplied: number }, answer: (reply: QueryReply) => void): void {
    const at = { applied: this.applied, logTimeMs: 0 };
    if (minApplied <= this.applied) answer({ ...at, body: { kind: "lease", value: LEASE } });
    else if (this.isFull) answer({ ...at, body: { kind: "refused", value: "full" } });
    else this.asked.push({ minApplied, answer });
  }
}
const LEASE = { epoch: 1, holder: "h", checkpoint: 1 };
const remove = (station: Station, position: number) => (): void => {
  const [[key] = [""]] = station.store.range({ from: `q/${String(position).padStart(16, "0")}`, to: "q0", limit: 1 });
  station.store.write([{ kind: "delete", key }]);
};

describe("untilConsumed", () => {
  it("is true at once when nothing is queued", async () => {
    const station = new Station();
    const ends = station.begin(0);
    await station.pass(1);
    expect(await ends).toBe(true);
  });

  it("waits for each event of then, not for later ones, in whatever order they go", async () => {
    const station = new Station();
    store(station.store, 3);
    expect(station.store.get(LAST_POSITION_KEY)).toBeDefined();
    const ends = station.begin(2);
    await station.pass(1);
    await station.goOn(remove(station, 2));
    expect(station.outcome).toBe(undefined);
    await station.goOn(remove(station, 1));
    expect(await ends).toBe(true);
  });

  it("does not take an event that has not come here yet for one that has gone", async () => {
    const station = new Station();
    const ends = station.begin(2);
    await station.pass(1);
    await station.goOn(() => undefined);
    expect(station.outcome).toBe(undefined);
    await station.goOn(() => store(station.store, 2));
    expect(station.outcome).toBe(undefined);
    await station.goOn(() => {
      remove(station, 1)();
      remove(station, 2)();
    });
    expect(await ends).toBe(true);
  });

  it("is false after its span, and asks no more", async () => {
    const station = new Station();
    store(station.store, 1);
    const ends = station.begin(1);
    await station.pass(SPAN_MS);
    expect(await ends).toBe(false);
    await station.goOn(remove(station, 1));
    expect(station.asked).toEqual([]);
  });

  it("is false when its caller goes, and cancels what it asked", async () => {
    const station = new Station();
    const caller = new AbortController();
    const ends = station.begin(1, caller.signal);
    caller.abort();
    expect(await ends).toBe(false);
    expect(station.cancelled).toBe(1);
    expect(await station.begin(0, caller.signal)).toBe(false);
  });

  it("looks again now and then at a station that has no room for who waits", async () => {
    const station = new Station();
    station.isFull = true;
    store(station.store, 1);
    const ends = station.begin(1);
    await station.pass(500);
    expect(station.outcome).toBe(undefined);
    remove(station, 1)();
    await station.pass(200);
    expect(await ends).toBe(true);
  });
});
