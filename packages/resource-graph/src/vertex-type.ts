import { checkedId, checkedName, type Id, type IdText } from "./names.ts";
import type { VertexValue } from "./value.ts";

/** A kind of vertex: its name, which is part of each vertex's identity, and the check of its values. */
export interface VertexType<N extends string = string, V extends VertexValue = VertexValue> {
  readonly name: N;
  /**
   * The value, or the text of what is wrong with it. What it is given is an object, not null. It sees every value that enters the graph, from the program or
   * from outside, and what it returns is kept; so `parse(parse(x))` is `parse(x)`. Return fields it does not know
   * too: they may be a newer version's.
   */
  readonly parse: (value: unknown) => V | string;
  /** `text` as the id of a vertex of this type. Throws `bad-id`. Whether there is such a vertex is another matter. */
  id(text: string): Id<N>;
}

/** Declares a kind of vertex. Throws `bad-name`. */
export function vertexType<N extends string, V extends VertexValue>(
  name: N,
  parse: (value: unknown) => V | string,
): VertexType<N, V> {
  checkedName(name);
  return Object.freeze({ name, parse, id: (text: IdText<N>) => checkedId(name, text) });
}
