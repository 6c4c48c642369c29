import type { Page, QueryBody, QueryReply } from "@halon/proto";
import type { Replicator } from "@halon/replicator";
import {
  decodeValue,
  edgePrefix,
  type Id,
  type IdText,
  parseStoreKey,
  prefixEnd,
  type Relation,
  reversePrefix,
  type Schema,
  type VertexType,
  type VertexValue,
  vertexKey,
  vertexPrefix,
} from "@halon/resource-graph";
import { ClientError } from "./client-error.ts";
import { GraphFollower, type GraphNews } from "./graph-follower.ts";
import { GRAPH_PREFIX } from "./graph-mirror.ts";
import type { Stations } from "./stations.ts";
import { waited } from "./waiting.ts";

export interface GraphReadOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /**
   * Nothing older than this decree, as some other answer named it. Left out: nothing older than what was decided before the call,
   * which takes a majority of the stations; 0: whatever a station has, which also one alone answers.
   */
  readonly atLeast?: number;
}

export interface GraphAccessPorts {
  readonly stations: Pick<Stations, "ask" | "freshIndex">;
  readonly replicator: Pick<Replicator, "watch">;
  /** Who waits. */
  readonly open: Set<(error: ClientError) => void>;
}

const PAGE_LIMIT = 2_048;
const MISSING_ROOM = "too many calls wait in this process: wait for one of them";
const behind = (key: string): string => `${key} `;

/** The resource graph as the stations have it: looked at piece by piece, or copied and followed. */
export class GraphAccess {
  readonly #ports: GraphAccessPorts;

  constructor(ports: GraphAccessPorts) {
    this.#ports = ports;
  }

  /** The value of a vertex; `undefined` when there is none. */
  async get<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    id: IdText<NoInfer<N>>,
    options: GraphReadOptions = {},
  ): Promise<V | undefined> {
    const key = GRAPH_PREFIX + vertexKey(type.name, id);
    for await (const [found, value] of this.#entries(key, behind(key), options))
      if (found === key) return checkedValue(type, id, value);
    return undefined;
  }

  /** The vertices of a type in the order of their ids, as they are while the loop comes to them. */
  async *all<N extends string, V extends VertexValue>(
    type: VertexType<N, V>,
    options: GraphReadOptions = {},
  ): AsyncGenerator<readonly [id: Id<N>, value: V], void, undefined> {
    const prefix = GRAPH_PREFIX + vertexPrefix(type.name);
    for await (const [key, value] of this.#entries(prefix, prefixEnd(prefix), options)) {
      const parsed = parseStoreKey(key.slice(GRAPH_PREFIX.length));
      if (parsed.kind === "vertex") yield [type.id(parsed.id as IdText<N>), checkedValue(type, parsed.id, value)];
    }
  }

  /** Targets of the vertex's edges. */
  async out<F extends string, T extends string>(
    relation: Relation<F, T>,
    from: Id<NoInfer<F>>,
    options: GraphReadOptions = {},
  ): Promise<readonly Id<T>[]> {
    const ends = await this.#ends(GRAPH_PREFIX + edgePrefix(relation.key, from), options);
    return ends.map(({ to }) => relation.to.id(to as IdText<T>));
  }

  /** Sources of the edges that lead to the vertex. */
  async in<F extends string, T extends string>(
    relation: Relation<F, T>,
    to: Id<NoInfer<T>>,
    options: GraphReadOptions = {},
  ): Promise<readonly Id<F>[]> {
    const ends = await this.#ends(GRAPH_PREFIX + reversePrefix(relation.key, to), options);
    return ends.map(({ from }) => relation.from.id(from as IdText<F>));
  }

  /**
   * A snapshot of the whole graph, then each change, as the loop comes for it: a slow loop holds up nobody. When changes have been
   * missed the graph is loaded anew by itself, and told as a `snapshot` with `isResync`. It goes on over the death of stations and
   * of the broker; it ends when it is left, or `signal` says so. Throws `bad-value` when a vertex is not what `schema` says.
   */
  async *watch(schema: Schema, { signal, atLeast }: GraphReadOptions = {}): AsyncGenerator<GraphNews, void, undefined> {
    let told: { readonly news: GraphNews | ClientError; readonly proceed: () => void } | undefined;
    let wake: () => void = () => undefined;
    let isClosed = false;
    const close = (): void => {
      isClosed = true;
      wake();
    };
    const isOver = (): boolean => signal?.aborted === true || isClosed;
    this.#ports.open.add(close);
    signal?.addEventListener("abort", wakeUp);
    function wakeUp(): void {
      wake();
    }
    let follower: GraphFollower | undefined;
    try {
      if (isOver()) return;
      const index = await this.#index({ ...(signal && { signal }), ...(atLeast !== undefined && { atLeast }) });
      follower = new GraphFollower(schema, index, this.#ports, (news, proceed) => {
        told = { news, proceed };
        wake();
      });
      for (;;) {
        while (told === undefined && !isOver())
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        if (told === undefined || isOver()) return;
        const { news, proceed } = told;
        told = undefined;
        if (news instanceof ClientError) throw news;
        yield news;
        proceed();
      }
    } catch (error) {
      if (error instanceof ClientError && (error.code === "cancelled" || error.code === "closed")) return;
      throw error;
    } finally {
      follower?.stop();
      this.#ports.open.delete(close);
      signal?.removeEventListener("abort", wakeUp);
    }
  }

  async #ends(prefix: string, options: GraphReadOptions) {
    const ends: { readonly from: string; readonly to: string }[] = [];
    for await (const [key] of this.#entries(prefix, prefixEnd(prefix), options)) {
      const parsed = parseStoreKey(key.slice(GRAPH_PREFIX.length));
      if (parsed.kind !== "vertex") ends.push(parsed);
    }
    return ends;
  }

  /** Page by page, never older than the page before. */
  async *#entries(from: string, to: string, { signal, ...options }: GraphReadOptions) {
    let minApplied = await this.#index({ ...(signal && { signal }), ...options });
    for (let next = from; ; ) {
      const { applied, page } = await this.#page(minApplied, { from: next, to, limit: PAGE_LIMIT }, signal);
      for (const { key, value } of page.entries) yield [key, value] as const;
      const last = page.entries.at(-1);
      if (!page.more || last === undefined) return;
      next = behind(last.key);
      minApplied = applied;
    }
  }

  async #page(
    minApplied: number,
    query: (QueryBody & { readonly kind: "page" })["value"],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly applied: number; readonly page: Page }> {
    const { stations, open } = this.#ports;
    const { applied, body } = await waited<QueryReply>(signal, open, (done) =>
      stations.ask(minApplied, { kind: "page", value: query }, done),
    );
    if (body?.kind !== "page") throw new ClientError("refused", "a station answers something else than a page");
    return { applied, page: body.value };
  }

  async #index({ atLeast, signal }: GraphReadOptions): Promise<number> {
    if (atLeast !== undefined) return atLeast;
    const { stations, open } = this.#ports;
    return await waited<number>(signal, open, (done, fail) =>
      stations.freshIndex((index) => (index === undefined ? fail(new ClientError("full", MISSING_ROOM)) : done(index))),
    );
  }
}

function checkedValue<V extends VertexValue>(type: VertexType<string, V>, id: string, bytes: Uint8Array): V {
  const what = `${type.name} ${JSON.stringify(id)}`;
  const value = type.parse(decodeValue(bytes, () => what));
  if (typeof value === "string")
    throw new ClientError("bad-value", `${what} is not what this program's schema says: ${value}`);
  return value;
}
