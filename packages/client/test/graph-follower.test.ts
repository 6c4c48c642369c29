import { EntryPacker, type PageEntry, type QueryReply } from "@halon/proto";
import type { StateChange, WatchNews } from "@halon/replicator";
import { changesToStore, encodeChange, Graph, relation, Schema, vertexType } from "@halon/resource-graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphFollower, type GraphNews } from "../src/graph-follower.ts";
import { ClientError } from "../src/index.ts";
import { entriesOf } from "./cluster.ts";

const Thing = vertexType("Thing", (value) => value as { n: number });
const leads = relation("leads", Thing, Thing, { from: "many", to: "many" });
const schema = new Schema({ types: [Thing], relations: [leads], roots: [Thing] });
const IDS = ["a", "b", "c", "d", "e"];

/** All that there ever was: the graph as of each decree, and what each decree changed. */
class History {
  readonly graphs: Graph[] = [Graph.empty(schema)];
  readonly changes: (readonly StateChange[])[] = [[]];

  get head(): number {
    return this.graphs.length - 1;
  }

  decree(what: number, at: number, to: number): void {
    const [id = "a", other = "b"] = [IDS[at % IDS.length], IDS[to % IDS.length]];
    const { graph, changes } = (this.graphs.at(-1) as Graph).change((draft) => {
      if (what === 0) draft.remove(Thing, id);
      else draft.put(Thing, id, { n: to });
      if (what > 1 && id !== other) {
        draft.put(Thing, other, { n: at });
        draft.connect(leads, Thing.id(id), Thing.id(other));
      }
      if (what === 3) draft.disconnect(leads, Thing.id(id), Thing.id(other));
    });
    const index = this.graphs.length;
    this.graphs.push(graph);
    const writes = changesToStore(changes.map(encodeChange));
    this.changes.push(writes.map(({ key, value }) => ({ index, key: `g/${key}`, value })));
  }

  page(index: number, from: string, limit: number): QueryReply {
    const writes = changesToStore([...(this.graphs[index]?.entries() ?? [])].map(encodeChange));
    const all = writes
      .map(({ key, value }): PageEntry => ({ key: `g/${key}`, value: value ?? new Uint8Array(0) }))
      .filter(({ key }) => key >= from && key < "g/vr/")
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const [entries, more] = [all.slice(0, limit), all.length > limit];
    // Every other page is one of a station that does not pack them.
    if (index % 2 === 0) return { applied: index, logTimeMs: 0, body: { kind: "page", value: { entries, more } } };
    const packer = new EntryPacker();
    for (const { key, value } of entries) packer.add(key, value);
    const next = all[limit]?.key;
    const value = { entries: [], packed: packer.finish(), more, ...(next !== undefined && { next }) };
    return { applied: index, logTimeMs: 0, body: { kind: "page", value } };
  }
}

/** Stations that answer when, and from what decree, the test says. */
class Scripted {
  readonly history = new History();
  readonly news: GraphNews[] = [];
  asked: ((index: number) => void) | undefined;
  watched: { after: number; tell: (news: WatchNews, proceed: () => void) => void; isReady: boolean } | undefined;
  #proceed: (() => void) | undefined;
  readonly follower: GraphFollower;

  constructor() {
    this.follower = new GraphFollower(
      schema,
      0,
      {
        stations: {
          ask: (minApplied, body, done) => {
            const from = body.kind === "page" ? body.value.from : "";
            this.asked = (index) => {
              this.asked = undefined;
              done(this.history.page(Math.max(minApplied, index), from, 2));
            };
            return () => {
              this.asked = undefined;
            };
          },
        },
        replicator: {
          watch: ({ after }, tell) => {
            const watched = { after, tell, isReady: true };
            this.watched = watched;
            return () => {
              if (this.watched === watched) this.watched = undefined;
            };
          },
        },
      },
      (news, proceed) => {
        if (news instanceof ClientError) throw news;
        this.news.push(news);
        this.#proceed = proceed;
      },
    );
  }

  /** The next `count` decrees are told to the watch, or that they are gone. */
  tell(count: number, isGone: boolean): void {
    const { watched, history } = this;
    if (watched?.isReady !== true) return;
    if (isGone) {
      this.watched = undefined;
      return watched.tell({ kind: "resync", index: history.head }, () => undefined);
    }
    const upTo = Math.min(history.head, watched.after + count);
    if (upTo === watched.after) return;
    const changes = history.changes.slice(watched.after + 1, upTo + 1).flat();
    watched.after = upTo;
    watched.isReady = false;
    watched.tell({ kind: "changes", upTo, changes }, () => {
      watched.isReady = true;
    });
  }

  proceed(): void {
    const proceed = this.#proceed;
    this.#proceed = undefined;
    proceed?.();
  }
}

describe("a graph follower", () => {
  it("tells the graph as it was at the decree that it names, whenever pages and changes come", () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant("decree" as const), what: fc.nat(3), at: fc.nat(4), to: fc.nat(4) }),
      fc.record({ kind: fc.constant("page" as const), back: fc.nat(5) }),
      fc.record({ kind: fc.constant("tell" as const), count: fc.integer({ min: 1, max: 4 }), gone: fc.nat(9) }),
      fc.record({ kind: fc.constant("proceed" as const) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const world = new Scripted();
        const { history, news } = world;
        const check = (): void => {
          const last = news.at(-1);
          if (last !== undefined) expect(entriesOf(last.graph)).toEqual(entriesOf(history.graphs[last.index]));
        };
        for (const each of acts) {
          if (each.kind === "decree") history.decree(each.what, each.at, each.to);
          else if (each.kind === "page") world.asked?.(Math.max(0, history.head - each.back));
          else if (each.kind === "tell") world.tell(each.count, each.gone === 0);
          else world.proceed();
          check();
        }
        for (let round = 0; round < 200 && news.at(-1)?.index !== history.head; round++) {
          if (round === 0) history.decree(1, 0, 999);
          world.proceed();
          world.asked?.(history.head);
          world.tell(3, false);
          check();
        }
        expect(news.at(-1)?.index).toBe(history.head);
        // Changes lead from one graph to the next.
        for (const [at, each] of news.entries()) {
          if (each.kind !== "changes") continue;
          const before = news[at - 1]?.graph as Graph;
          expect(entriesOf(before.apply(each.changes))).toEqual(entriesOf(each.graph));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("asks no station again that gives the same page for ever", () => {
    const news: (GraphNews | ClientError)[] = [];
    let asked = 0;
    const follower = new GraphFollower(
      schema,
      0,
      {
        stations: {
          ask: (_, body, done) => {
            const next = body.kind === "page" ? body.value.from : "";
            if (asked++ < 10)
              done({ applied: 1, logTimeMs: 0, body: { kind: "page", value: { entries: [], more: true, next } } });
            return () => undefined;
          },
        },
        replicator: {
          watch: ({ after }, tell) => {
            if (after === 0) tell({ kind: "resync", index: 1 }, () => undefined);
            return () => undefined;
          },
        },
      },
      (each) => news.push(each),
    );
    expect(asked).toBe(1);
    expect(news).toEqual([expect.objectContaining({ code: "refused" })]);
    follower.stop();
  });
});
