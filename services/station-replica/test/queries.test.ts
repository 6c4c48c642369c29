import { enqueue } from "@halon/event-queue";
import { eachPacked, type QueryBody, type QueryReply } from "@halon/proto";
import { Transaction } from "@halon/replicated-log";
import { VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { describe, expect, it, vi } from "vitest";
import { Queries, WAIT_MS_MAX, WAITING_MAX } from "../src/queries.ts";

class Asked {
  readonly clock = new VirtualClock();
  readonly store = openStoreMemory({ disk: new MemoryStoreDisk(), clock: this.clock, flushMs: 1, identity: "a" });
  readonly replies: QueryReply[] = [];
  readonly queries: Queries;
  applied = 5;
  #seq = 0;

  constructor() {
    const applied = (): number => this.applied;
    const member = {
      get position() {
        return { applied: applied(), logTimeMs: 9, phase: "serving" } as never;
      },
    };
    const status = () => ({
      node: "a",
      clusterId: "id",
      role: "leader",
      leader: "a",
      members: ["a"],
      chosen: 5,
      counters: {},
    });
    this.queries = new Queries({ clock: this.clock, store: this.store, member, status });
  }

  ask(body: QueryBody | undefined, minApplied = 0): void {
    const query = body === undefined ? { minApplied } : { minApplied, body };
    this.queries.ask(query as never, (reply) => this.replies.push(reply));
  }

  get last(): QueryReply["body"] {
    return this.replies.at(-1)?.body;
  }

  happen(payload = new Uint8Array(1)): void {
    const id = { producer: "p", incarnation: "i", seq: ++this.#seq };
    const transaction = new Transaction(this.store);
    enqueue(transaction, { events: [{ id, type: "t", payload, traceparent: "", lowest: this.#seq }] }, 0);
    transaction.commit();
    this.applied++;
    this.queries.onApplied();
  }
}

const EVENTS = (waitMs: number, after = 0): QueryBody => ({ kind: "events", value: { after, limit: 100, waitMs } });

describe("queries", () => {
  it("are answered at once from what is applied, with how far that is", () => {
    const asked = new Asked();
    asked.ask({ kind: "lease", value: {} });
    expect(asked.replies).toEqual([
      { applied: 5, logTimeMs: 9, body: { kind: "lease", value: { epoch: 0, holder: "", checkpoint: 0 } } },
    ]);
    asked.ask({ kind: "status", value: {} });
    expect(asked.last).toMatchObject({ kind: "status", value: { node: "a", eventsQueued: 0 } });
  });

  it("for events of a lane are answered by events of that lane, and looked at no sooner", () => {
    const asked = new Asked();
    const ranges = vi.spyOn(asked.store, "range");
    const lane = (priority: number): QueryBody => ({ kind: "lane", value: { priority, after: 0, waitMs: 1_000 } });
    asked.ask(lane(2));
    asked.ask(lane(3));
    ranges.mockClear();
    asked.applied++;
    asked.queries.onApplied();
    expect(ranges).not.toHaveBeenCalled();
    asked.happen();
    expect(asked.replies.length).toBe(1);
    expect(asked.last).toMatchObject({ kind: "lane", value: { pieces: [{ stored: { position: 1 } }] } });
    asked.clock.runUntil(1_000);
    expect(asked.last).toEqual({ kind: "lane", value: { pieces: [] } });
  });

  it("that need more than is applied wait for it, and no longer than is allowed", () => {
    const asked = new Asked();
    asked.ask({ kind: "lease", value: {} }, 6);
    asked.ask({ kind: "lease", value: {} }, 7);
    expect(asked.replies).toEqual([]);
    asked.happen();
    expect(asked.replies.map(({ applied }) => applied)).toEqual([6]);
    asked.clock.runUntil(WAIT_MS_MAX - 1);
    expect(asked.replies.length).toBe(1);
    asked.clock.runUntil(WAIT_MS_MAX);
    expect(asked.last).toEqual({
      kind: "refused",
      value: "decree 7 is not applied here yet: ask again, or another station",
    });
  });

  it("for events wait for one, as long as they say, then are answered with none", () => {
    const asked = new Asked();
    asked.ask(EVENTS(0));
    expect(asked.last).toEqual({ kind: "events", value: { events: [] } });
    asked.ask(EVENTS(300));
    asked.ask(EVENTS(600));
    asked.clock.runUntil(300);
    expect(asked.replies.length).toBe(2);
    expect(asked.last).toEqual({ kind: "events", value: { events: [] } });
    asked.happen();
    expect(asked.last).toMatchObject({ kind: "events", value: { events: [{ position: 1 }] } });
    asked.ask(EVENTS(1_000, 1));
    expect(asked.replies.length).toBe(3);
    asked.clock.runUntil(10_000);
    expect(asked.replies.length).toBe(4);
  });

  it(`that wait are ${WAITING_MAX} at most; a further one is refused at once`, () => {
    const asked = new Asked();
    for (let n = 0; n < WAITING_MAX; n++) asked.ask(EVENTS(1_000));
    expect(asked.replies).toEqual([]);
    asked.ask(EVENTS(1_000));
    expect(asked.last).toEqual({ kind: "refused", value: `${WAITING_MAX} queries wait here: ask another station` });
    asked.happen();
    expect(asked.replies.length).toBe(WAITING_MAX + 1);
  });

  it("of a kind that is not known are refused; a station that stops answers nobody", () => {
    const asked = new Asked();
    asked.ask(undefined);
    expect(asked.last).toMatchObject({ kind: "refused" });
    asked.ask(EVENTS(100));
    asked.queries.stop();
    asked.clock.runUntil(10_000);
    asked.happen();
    expect(asked.replies.length).toBe(1);
  });

  it.each([false, true])(
    "for pages give each entry once, in order, in pages of limited count and size; packed: %s",
    (packed) => {
      const asked = new Asked();
      const keys = Array.from({ length: 300 }, (_, at) => `g/${String(at).padStart(4, "0")}`);
      asked.store.write(keys.map((key, at) => ({ kind: "put", key, value: new Uint8Array(at < 150 ? 10 : 20_000) })));
      const found: string[] = [];
      const sizes: number[] = [];
      for (let from = "g/"; ; ) {
        asked.ask({ kind: "page", value: { from, to: "g0", limit: 100, packed } });
        const page = asked.last;
        if (page?.kind !== "page") throw new Error("no page");
        const before = found.length;
        found.push(...page.value.entries.map(({ key }) => key));
        eachPacked(page.value.packed ?? new Uint8Array(), (bytes, keyFrom, keyTo) =>
          found.push(bytes.toString("latin1", keyFrom, keyTo)),
        );
        sizes.push(found.length - before);
        if (!page.value.more) break;
        from = page.value.next ?? "";
      }
      expect(found).toEqual(keys);
      expect(Math.max(...sizes)).toBe(100);
      // 20 000 bytes each: 512 KiB are reached before 100 entries are.
      expect(sizes.slice(2).every((size) => size < 30)).toBe(true);
    },
  );

  it("for a page with a value above the size of a page give that value alone", () => {
    const asked = new Asked();
    for (const key of ["g/1", "g/2"]) asked.store.write([{ kind: "put", key, value: new Uint8Array(600 * 1024) }]);
    asked.ask({ kind: "page", value: { from: "g/", to: "g0", limit: 10 } });
    expect(asked.last).toMatchObject({ kind: "page", value: { more: true, entries: [{ key: "g/1" }] } });
  });

  it("for many large events give as many as fit", () => {
    const asked = new Asked();
    for (let n = 0; n < 10; n++) asked.happen(new Uint8Array(100 * 1024));
    asked.ask(EVENTS(0));
    const body = asked.last;
    expect(body?.kind === "events" && body.value.events.map(({ position }) => position)).toEqual([1, 2, 3]);
  });
});
