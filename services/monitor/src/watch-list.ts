import type { EqTracker } from "@halon/eq-tracker";
import {
  decodeLease,
  type Lease,
  type PageEntry,
  type Post,
  ProtoError,
  type QueryBody,
  type QueryReply,
  subjectsOf,
} from "@halon/proto";
import type { Replicator } from "@halon/replicator";
import type { Clock, Random } from "@halon/runtime";
import type { ListedNode, Listing } from "./core/monitor-io.ts";
import { NODES_END, NODES_PREFIX, readNode } from "./listed-nodes.ts";

export interface WatchListPorts {
  readonly clock: Clock;
  readonly post: Post;
  readonly random: Random;
  readonly tracker: Pick<EqTracker, "directory" | "refresh">;
  /** Reads the stations' state through the log. */
  readonly replicator: Pick<Replicator, "query">;
}

const PAGE_LIMIT = 1_024;
/** Pages of one reading; a station that has more is answered for by nobody. */
const PAGES_MAX = 256;
const QUERY_TIMEOUT_MS = 1_000;
/** Where the stations keep the coordinator's lease, which each change of the graph renews. */
const LEASE_KEY = new TextEncoder().encode("lease");

/**
 * Reads the nodes from a station, any of them, page by page; never from a state older than an earlier reading's, and the
 * first time from one in which nothing is missing that was decided before it was asked for.
 */
export class WatchList {
  readonly #monitor: string;
  readonly #ports: WatchListPorts;
  #applied = 0;
  /** As of some time after the first reading began. */
  #lease: Lease | undefined;
  /** True once a station was found that had applied that. */
  #isCaughtUp = false;
  #unreadable = 0;

  constructor(monitor: string, ports: WatchListPorts) {
    this.#monitor = monitor;
    this.#ports = ports;
  }

  /** Nodes that could not be read, over all readings. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /**
   * `done` once, `undefined` when there was no complete answer. Never from within. The first reading takes as long as no
   * quorum of stations answers.
   */
  read(done: (listing: Listing | undefined) => void): void {
    const { clock, random, tracker } = this.#ports;
    if (this.#lease === undefined) return this.#askLease(done);
    const { stations } = tracker.directory;
    const station = stations[random.u32() % Math.max(1, stations.length)];
    if (station === undefined) clock.at(clock.nowMs(), () => done(undefined));
    else if (this.#isCaughtUp) this.#readNodes(station, done);
    else this.#catchUp(station, this.#lease, done);
  }

  #askLease(done: (listing: Listing | undefined) => void): void {
    this.#ports.replicator.query(LEASE_KEY, (outcome) => {
      this.#lease = outcome.kind === "result" ? leaseOf(outcome.result) : undefined;
      if (this.#lease === undefined) done(undefined);
      else this.read(done);
    });
  }

  /** A station may lag behind for as long as it is cut off from the others. */
  #catchUp(station: string, { epoch, checkpoint }: Lease, done: (listing: Listing | undefined) => void): void {
    this.#ask(station, { kind: "lease", value: {} }, (reply) => {
      if (reply?.body?.kind !== "lease") return done(undefined);
      const present = reply.body.value;
      const isBehind = present.epoch === epoch ? present.checkpoint < checkpoint : present.epoch < epoch;
      if (isBehind) return done(undefined);
      this.#isCaughtUp = true;
      this.#readNodes(station, done);
    });
  }

  #readNodes(station: string, done: (listing: Listing | undefined) => void): void {
    const nodes: ListedNode[] = [];
    const unreadable: string[] = [];
    const take = (entry: PageEntry): void => {
      const node = readNode(entry, this.#monitor);
      if (node !== undefined) nodes.push(node);
      else unreadable.push(entry.key.slice(NODES_PREFIX.length));
    };
    const next = (from: string, page: number): void =>
      this.#ask(station, { kind: "page", value: { from, to: NODES_END, limit: PAGE_LIMIT } }, (reply) => {
        if (reply?.body?.kind !== "page") return done(undefined);
        const { entries, more } = reply.body.value;
        for (const entry of entries) take(entry);
        const last = entries.at(-1)?.key;
        if (more && last !== undefined) return page < PAGES_MAX ? next(`${last} `, page + 1) : done(undefined);
        this.#unreadable += unreadable.length;
        done({ nodes, unreadable });
      });
    next(NODES_PREFIX, 1);
  }

  #ask(station: string, body: QueryBody, done: (reply: QueryReply | undefined) => void): void {
    const { post, tracker } = this.#ports;
    const query = { kind: "query", value: { minApplied: this.#applied, body } } as const;
    const subject = subjectsOf(post.cluster).stationQuery(station);
    post.request(subject, query, "queryReply", QUERY_TIMEOUT_MS, (outcome) => {
      const isAnswer = outcome.kind === "reply" && outcome.value.body?.kind === body.kind;
      if (isAnswer) this.#applied = Math.max(this.#applied, outcome.value.applied);
      else tracker.refresh();
      done(isAnswer ? outcome.value : undefined);
    });
  }
}

/** Of epoch 0 when there was none yet. */
function leaseOf(bytes: Uint8Array): Lease | undefined {
  try {
    return decodeLease(bytes);
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}
