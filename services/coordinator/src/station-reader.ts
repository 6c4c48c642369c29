import type { EqTracker } from "@halon/eq-tracker";
import { type Page, type Post, type QueryBody, type QueryReply, subjectsOf } from "@halon/proto";
import type { Clock } from "@halon/runtime";
import type { Loaded } from "./coordinator-core.ts";
import { GRAPH_RANGE, GraphReading } from "./graph-reader.ts";

export interface StationReaderPorts {
  readonly clock: Clock;
  readonly post: Post;
  readonly tracker: EqTracker;
}

const QUERY_TIMEOUT_MS = 1_000;
const RETRY_MS = 100;
const PAGE_LIMIT = 2_048;

export type LoadOutcome =
  /** `applied`: a station that has applied less does not know all that earlier coordinators have consumed. */
  | { readonly kind: "loaded"; readonly state: Loaded; readonly applied: number }
  | { readonly kind: "refused"; readonly why: string };

type Entries = readonly (readonly [string, Uint8Array])[];

/** Reads the replicated state from one station, its own node's by preference; goes to the next when one does not answer. */
export class StationReader {
  readonly #ports: StationReaderPorts;
  readonly #own: string;
  #skipped = 0;
  #isStopped = false;

  constructor(node: string, ports: StationReaderPorts) {
    this.#ports = ports;
    this.#own = node;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Asks once. `done` gets `undefined` when there was no answer; the next question then goes to another station. */
  ask(minApplied: number, body: QueryBody, waitMs: number, done: (reply: QueryReply | undefined) => void): void {
    const { post, clock, tracker } = this.#ports;
    const station = this.#station;
    const fail = (): void => {
      this.#skipped++;
      tracker.refresh();
      clock.at(clock.nowMs() + RETRY_MS, () => this.#isStopped || done(undefined));
    };
    if (station === undefined) return fail();
    const query = { kind: "query", value: { minApplied, body } } as const;
    const subject = subjectsOf(post.cluster).stationQuery(station);
    post.request(subject, query, "queryReply", QUERY_TIMEOUT_MS + waitMs, (outcome) => {
      if (this.#isStopped) return;
      if (outcome.kind === "reply" && outcome.value.body !== undefined && outcome.value.body.kind !== "refused")
        done(outcome.value);
      else fail();
    });
  }

  get #station(): string | undefined {
    const { stations } = this.#ports.tracker.directory;
    const ordered = [...stations].sort((a, b) => Number(b === this.#own) - Number(a === this.#own));
    return ordered[this.#skipped % Math.max(1, ordered.length)];
  }

  /**
   * The whole state, from one station that has applied the grant of `epoch`: nobody but this coordinator changes it any
   * more. Tries until it has it, or sees that this epoch is not to be begun.
   */
  load(epoch: number, done: (outcome: LoadOutcome) => void): void {
    const again = (): void => this.load(epoch, done);
    this.ask(0, { kind: "lease", value: {} }, 0, (reply) => {
      if (reply?.body?.kind !== "lease") return again();
      const { epoch: present, checkpoint } = reply.body.value;
      if (present > epoch) return done({ kind: "refused", why: `a later epoch than ${epoch} is in force: ${present}` });
      if (present < epoch) {
        // It lags behind, and may do so for as long as it is cut off: ask another one.
        this.#skipped++;
        return this.#later(again);
      }
      // Who began it may still have a checkpoint under way.
      if (checkpoint > 0) return done({ kind: "refused", why: `another coordinator has begun epoch ${epoch}` });
      const { applied, logTimeMs } = reply;
      const reading = new GraphReading(this.#ports.clock);
      this.#graph(applied, GRAPH_RANGE.from, reading, (isRead) =>
        this.#part(applied, "i", [], (instances) =>
          this.#part(applied, "o", [], (outbox) => {
            if (!isRead || instances === undefined || outbox === undefined) return again();
            reading.finish((outcome) => {
              if (this.#isStopped) return;
              if (outcome.kind === "unreadable") return done({ kind: "refused", why: `the graph: ${outcome.why}` });
              const { graph } = outcome;
              done({ kind: "loaded", applied, state: { checkpoint, logTimeMs, graph, instances, outbox } });
            });
          }),
        ),
      );
    });
  }

  #later(then: () => void): void {
    const { clock } = this.#ports;
    clock.at(clock.nowMs() + RETRY_MS, () => this.#isStopped || then());
  }

  /** The graph from a key on, page by page. False when a page was not to be had: what was read is of no use then. */
  #graph(minApplied: number, from: string, reading: GraphReading, done: (isRead: boolean) => void): void {
    const body = { kind: "page", value: { from, to: GRAPH_RANGE.to, limit: 0, packed: true } } as const;
    this.ask(minApplied, body, 0, (reply) => {
      if (reply?.body?.kind !== "page") return done(false);
      const page = reply.body.value;
      const next = page.next || `${page.entries.at(-1)?.key}\u0020`;
      // Asked for before this one is worked on, and that in a turn of its own, as the question leaves with the end of this one.
      if (page.more) this.#graph(minApplied, next, reading, done);
      const { clock } = this.#ports;
      clock.at(clock.nowMs(), () => {
        if (this.#isStopped) return;
        reading.add(page);
        if (!page.more) done(true);
      });
    });
  }

  /** All entries under `prefix/`, page by page, keys without the prefix; `undefined` when a page was not to be had. */
  #part(minApplied: number, prefix: string, before: Entries, done: (entries: Entries | undefined) => void): void {
    const last = before.at(-1)?.[0];
    const from = last === undefined ? `${prefix}/` : `${prefix}/${last}\u0020`;
    const body = { kind: "page", value: { from, to: `${prefix}0`, limit: PAGE_LIMIT } } as const;
    this.ask(minApplied, body, 0, (reply) => {
      if (reply?.body?.kind !== "page") return done(undefined);
      const { entries, more }: Page = reply.body.value;
      const all = [...before, ...entries.map(({ key, value }) => [key.slice(prefix.length + 1), value] as const)];
      if (more) this.#part(minApplied, prefix, all, done);
      else done(all);
    });
  }
}
