import { type Page, ProtoError, type QueryReply } from "@halon/proto";
import type { Replicator, WatchNews } from "@halon/replicator";
import { type Graph, type GraphChange, GraphError, type Schema } from "@halon/resource-graph";
import type { Cancel } from "@halon/runtime";
import { ClientError } from "./client-error.ts";
import { GRAPH_FROM, GRAPH_PREFIX, GRAPH_TO, GraphMirror } from "./graph-mirror.ts";
import type { Stations } from "./stations.ts";

/**
 * - `snapshot`: the graph as of decree `index`. First of all, and again (`isResync`) when changes have been missed: what is
 *   different from the graph before is not told one by one.
 * - `changes`: the graph as of decree `index`, and the net difference from the one told before.
 */
export type GraphNews =
  | { readonly kind: "snapshot"; readonly graph: Graph; readonly index: number; readonly isResync: boolean }
  | {
      readonly kind: "changes";
      readonly graph: Graph;
      readonly index: number;
      readonly changes: readonly GraphChange[];
    };

export interface GraphFollowerPorts {
  readonly stations: Pick<Stations, "ask">;
  readonly replicator: Pick<Replicator, "watch">;
}

type Told = (news: GraphNews | ClientError, proceed: () => void) => void;

/**
 * The graph, loaded from any station and kept up to date; loaded anew whenever changes have been missed. It tells one thing at a
 * time, and holds at most one answer more, until it is told to `proceed`. After an error it is over.
 */
export class GraphFollower {
  readonly #ports: GraphFollowerPorts;
  readonly #schema: Schema;
  readonly #tell: Told;
  #mirror: GraphMirror;
  #state: "loading" | "ready" | "telling" | "over" = "loading";
  #isResync = false;
  /** All changes up to here are in the mirror; `undefined` before the first page. */
  #index: number | undefined;
  /** The newest decree that a page was read at. */
  #pageIndex = 0;
  #pagesLeft = true;
  #cancelPage: Cancel = () => undefined;
  #cancelWatch: Cancel = () => undefined;
  /** Came while something else is being told. */
  #held: (() => void) | undefined;

  /** `minIndex`: the first graph is that of this decree or a later one. */
  constructor(schema: Schema, minIndex: number, ports: GraphFollowerPorts, tell: Told) {
    this.#ports = ports;
    this.#schema = schema;
    this.#tell = tell;
    this.#mirror = new GraphMirror(schema);
    // Before anything is read: from this question on the stations keep what is changed.
    this.#cancelWatch = ports.replicator.watch({ after: 0, prefix: GRAPH_PREFIX }, (news) => {
      this.#cancelWatch();
      if (news.kind === "refused") this.#fail(new ClientError("refused", news.message));
      else this.#load(Math.max(minIndex, news.kind === "resync" ? news.index : news.upTo));
    });
  }

  stop(): void {
    this.#state = "over";
    this.#held = undefined;
    this.#cancelPage();
    this.#cancelWatch();
  }

  #load(minIndex: number): void {
    this.#state = "loading";
    this.#mirror = new GraphMirror(this.#schema);
    this.#index = undefined;
    this.#pageIndex = minIndex;
    this.#pagesLeft = true;
    this.#readPage(GRAPH_FROM);
  }

  #readPage(from: string): void {
    // None older than what is known: it would bring back what was changed since.
    const minApplied = Math.max(this.#index ?? 0, this.#pageIndex);
    const body = { kind: "page", value: { from, to: GRAPH_TO, limit: 0, packed: true } } as const;
    this.#attempt(() => {
      this.#cancelPage = this.#ports.stations.ask(minApplied, body, (reply) => this.#onPage(from, reply));
    });
  }

  #onPage(asked: string, { applied, body }: QueryReply): void {
    if (body?.kind !== "page") return this.#fail(new ClientError("refused", "a station answers something else"));
    const { more, entries, next }: Page = body.value;
    this.#mirror.addPage(body.value);
    this.#pageIndex = Math.max(this.#pageIndex, applied);
    if (this.#index === undefined) this.#watch(applied);
    const last = entries.at(-1);
    // A key followed by the lowest character there is: the next key that can be.
    const from = next ?? (last && `${last.key} `);
    if (more && from !== undefined && from <= asked)
      return this.#fail(
        new ClientError("refused", `a station gives the page from ${asked} on, and goes on at ${from}`),
      );
    this.#pagesLeft = more && from !== undefined;
    if (more && from !== undefined) this.#readPage(from);
    else this.#maybeFinish();
  }

  #watch(after: number): void {
    this.#index = after;
    this.#cancelWatch();
    this.#cancelWatch = this.#ports.replicator.watch({ after, prefix: GRAPH_PREFIX }, (news, proceed) => {
      const take = (): void => this.#onNews(news, proceed);
      if (this.#state === "telling") this.#held = take;
      else take();
    });
  }

  #onNews(news: WatchNews, proceed: () => void): void {
    if (news.kind === "refused") return this.#fail(new ClientError("refused", news.message));
    if (news.kind === "resync") {
      this.#cancelPage();
      this.#isResync = true;
      return this.#load(news.index);
    }
    this.#attempt(() => {
      this.#index = news.upTo;
      if (this.#state === "loading") {
        this.#mirror.patch(news.changes);
        proceed();
        return this.#maybeFinish();
      }
      if (news.changes.length === 0) return proceed();
      const { graph, changes } = this.#mirror.change(news.changes);
      this.#say({ kind: "changes", graph, index: news.upTo, changes }, proceed);
    });
  }

  #maybeFinish(): void {
    const index = this.#index;
    if (this.#state !== "loading" || this.#pagesLeft || index === undefined || index < this.#pageIndex) return;
    this.#attempt(() => {
      const graph = this.#mirror.finish();
      const isResync = this.#isResync;
      this.#isResync = false;
      this.#say({ kind: "snapshot", graph, index, isResync }, () => undefined);
    });
  }

  #say(news: GraphNews, proceed: () => void): void {
    this.#state = "telling";
    this.#tell(news, () => {
      if (this.#state !== "telling") return;
      this.#state = "ready";
      proceed();
      const held = this.#held;
      this.#held = undefined;
      held?.();
    });
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof ClientError) this.#fail(error);
      else if (error instanceof GraphError || error instanceof ProtoError)
        this.#fail(
          new ClientError("bad-value", `the graph is not what this program's schema says: ${error.message}`, {
            cause: error,
          }),
        );
      else throw error;
    }
  }

  #fail(error: ClientError): void {
    this.stop();
    this.#tell(error, () => undefined);
  }
}
