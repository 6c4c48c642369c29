import { GraphError } from "./graph-error.ts";
import { checkedId, checkedName, endTypes, escapeId, isName, unescapeId } from "./names.ts";

/**
 * Keys of a graph in a sorted key-value store: printable ASCII, at most {@link STORE_KEY_CHARS_MAX}, ids percent-escaped.
 *
 *     v/<type>/<id>                   the value, canonical UTF-8 JSON
 *     ve/<relation>/<from>/<to>       an edge, empty
 *     vr/<relation>/<to>/<from>       the same edge from its other end, empty
 *
 * In key order vertices come first: one scan from {@link STORE_RANGE}.from to its `to` loads a graph.
 */
export type StoreKey =
  | { readonly kind: "vertex"; readonly type: string; readonly id: string }
  | { readonly kind: "edge"; readonly relation: string; readonly from: string; readonly to: string }
  | { readonly kind: "reverse"; readonly relation: string; readonly from: string; readonly to: string };

export const STORE_KEY_CHARS_MAX = 960;

/** All keys of a graph, half-open. From `reverseFrom` on there is nothing that is not there before it too. */
export const STORE_RANGE = { from: "v/", reverseFrom: "vr/", to: "vs" } as const;

const part = (type: string, id: string): string => escapeId(checkedId(type, id));

/** Key of a vertex. Throws `bad-name`, `bad-id`, as all these do. */
export const vertexKey = (type: string, id: string): string => `v/${checkedName(type)}/${part(type, id)}`;

/** Common beginning of the keys of all vertices of a type. */
export const vertexPrefix = (type: string): string => `v/${checkedName(type)}/`;

/** Common beginning of the keys of a relation's edges, or only of those from one vertex. */
export function edgePrefix(relation: string, from?: string): string {
  const types = endTypes(relation);
  return from === undefined ? `ve/${relation}/` : `ve/${relation}/${part(types.from, from)}/`;
}

/** The same from the other end: edges to one vertex. */
export function reversePrefix(relation: string, to?: string): string {
  const types = endTypes(relation);
  return to === undefined ? `vr/${relation}/` : `vr/${relation}/${part(types.to, to)}/`;
}

export const edgeKey = (relation: string, from: string, to: string): string =>
  edgePrefix(relation, from) + part(endTypes(relation).to, to);

export const reverseKey = (relation: string, from: string, to: string): string =>
  reversePrefix(relation, to) + part(endTypes(relation).from, from);

/** First key after all that begin with `prefix`: the end of a range. */
export const prefixEnd = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

/** What a key stands for. Throws `bad-format` for one that none of the functions above makes. */
export function parseStoreKey(key: string): StoreKey {
  const nameAt = key.indexOf("/") + 1;
  const firstAt = key.indexOf("/", nameAt) + 1;
  const secondAt = key.indexOf("/", firstAt) + 1;
  const space = key.slice(0, nameAt);
  if (nameAt > 0 && firstAt > 0) {
    const name = key.slice(nameAt, firstAt - 1);
    const parsed =
      space === "v/"
        ? parsedVertex(name, key.slice(firstAt))
        : secondAt > 0 && parsedEdge(space, name, key.slice(firstAt, secondAt - 1), key.slice(secondAt));
    if (parsed) return parsed;
  }
  throw new GraphError("bad-format", `store key ${JSON.stringify(key.slice(0, 200))} is not one of a graph`);
}

function parsedVertex(type: string, escaped: string): StoreKey | undefined {
  const id = unescapeId(escaped);
  return id === undefined || !isName(type) ? undefined : { kind: "vertex", type, id };
}

function parsedEdge(space: string, relation: string, near: string, far: string): StoreKey | undefined {
  const first = unescapeId(near);
  const second = unescapeId(far);
  if (first === undefined || second === undefined || !isRelationKey(relation)) return undefined;
  if (space === "ve/") return { kind: "edge", relation, from: first, to: second };
  return space === "vr/" ? { kind: "reverse", relation, from: second, to: first } : undefined;
}

function isRelationKey(text: string): boolean {
  try {
    endTypes(text);
    return true;
  } catch {
    return false;
  }
}
