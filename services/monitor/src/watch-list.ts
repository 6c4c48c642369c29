import type { EqTracker } from "@halon/eq-tracker";
import { type PageEntry, type Post, subjectsOf } from "@halon/proto";
import type { Clock, Random } from "@halon/runtime";
import type { ListedNode, Listing } from "./core/monitor-io.ts";
import { NODES_END, NODES_PREFIX, readNode } from "./listed-nodes.ts";

export interface WatchListPorts {
  readonly clock: Clock;
  readonly post: Post;
  readonly random: Random;
  readonly tracker: EqTracker;
}

const PAGE_LIMIT = 1_024;
/** Pages of one reading; a station that has more is answered for by nobody. */
const PAGES_MAX = 256;
const PAGE_TIMEOUT_MS = 1_000;

/** Reads the nodes from a station, any of them, page by page; never from a state older than an earlier reading's. */
export class WatchList {
  readonly #monitor: string;
  readonly #ports: WatchListPorts;
  #applied = 0;
  #unreadable = 0;

  constructor(monitor: string, ports: WatchListPorts) {
    this.#monitor = monitor;
    this.#ports = ports;
  }

  /** Nodes that could not be read, over all readings. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** `done` once, `undefined` when there was no complete answer. Never from within. */
  read(done: (listing: Listing | undefined) => void): void {
    const { clock, random, tracker } = this.#ports;
    const { stations } = tracker.directory;
    const station = stations[random.u32() % Math.max(1, stations.length)];
    if (station === undefined) {
      clock.at(clock.nowMs(), () => done(undefined));
      return;
    }
    const nodes: ListedNode[] = [];
    const unreadable: string[] = [];
    const take = (entry: PageEntry): void => {
      const node = readNode(entry, this.#monitor);
      if (node !== undefined) nodes.push(node);
      else unreadable.push(entry.key.slice(NODES_PREFIX.length));
    };
    const next = (from: string, page: number): void =>
      this.#page(station, from, (entries, more) => {
        if (entries === undefined) {
          tracker.refresh();
          return done(undefined);
        }
        for (const entry of entries) take(entry);
        const last = entries.at(-1)?.key;
        if (more && last !== undefined) return page < PAGES_MAX ? next(`${last} `, page + 1) : done(undefined);
        this.#unreadable += unreadable.length;
        done({ nodes, unreadable });
      });
    next(NODES_PREFIX, 1);
  }

  #page(station: string, from: string, done: (entries: readonly PageEntry[] | undefined, more: boolean) => void): void {
    const { post } = this.#ports;
    const page = { kind: "page", value: { from, to: NODES_END, limit: PAGE_LIMIT } } as const;
    const query = { kind: "query", value: { minApplied: this.#applied, body: page } } as const;
    const subject = subjectsOf(post.cluster).stationQuery(station);
    post.request(subject, query, "queryReply", PAGE_TIMEOUT_MS, (outcome) => {
      if (outcome.kind !== "reply" || outcome.value.body?.kind !== "page") return done(undefined, false);
      this.#applied = Math.max(this.#applied, outcome.value.applied);
      const { entries, more } = outcome.value.body.value;
      done(entries, more);
    });
  }
}
