import { eachPacked, type Page, ProtoError } from "@halon/proto";
import { type Graph, GraphError, GraphLoader, STORE_RANGE } from "@halon/resource-graph";
import type { Clock } from "@halon/runtime";
import { schema } from "./schema.ts";

const PREFIX = "g/";

/** Vertices and edges. The edges once more, from their other ends, follow behind that, and are not needed. */
export const GRAPH_RANGE = { from: PREFIX + STORE_RANGE.from, to: PREFIX + STORE_RANGE.reverseFrom } as const;

export type GraphOutcome =
  | { readonly kind: "read"; readonly graph: Graph }
  | { readonly kind: "unreadable"; readonly why: string };

/** Makes the graph out of pages of the stations' state, as they come. */
export class GraphReading {
  readonly #loader = new GraphLoader(schema);
  readonly #clock: Clock;
  #why: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add({ packed, entries }: Page): void {
    this.#unlessUnreadable(() => {
      if (packed !== undefined)
        eachPacked(packed, (bytes, keyFrom, keyTo, valueTo) =>
          this.#loader.addFrom(bytes, keyFrom + PREFIX.length, keyTo, valueTo),
        );
      for (const { key, value } of entries) this.#loader.add(key.slice(PREFIX.length), value);
    });
  }

  /** All pages are there. In slices, so that it takes a while. */
  finish(done: (outcome: GraphOutcome) => void): void {
    const course = this.#loader.finishing();
    const slice = (): void => {
      this.#unlessUnreadable(() => {
        const { done: isDone, value } = course.next();
        if (isDone === true) done({ kind: "read", graph: value });
        else this.#clock.at(this.#clock.nowMs(), slice);
      });
      if (this.#why !== undefined) done({ kind: "unreadable", why: this.#why });
    };
    slice();
  }

  #unlessUnreadable(work: () => void): void {
    if (this.#why !== undefined) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof GraphError) && !(error instanceof ProtoError)) throw error;
      this.#why = error.message;
    }
  }
}
