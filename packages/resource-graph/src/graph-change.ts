import { decodeValue, encodeValue, type VertexValue } from "./value.ts";

/** An edge by its relation's key and the ids of its vertices, whose types the key tells. */
export interface EdgeRef {
  readonly relation: string;
  readonly from: string;
  readonly to: string;
}

/** One difference between two graphs. Plain data: it is what a checkpoint carries. */
export type GraphChange<Value = VertexValue> =
  | { readonly kind: "removeEdge"; readonly relation: string; readonly from: string; readonly to: string }
  | { readonly kind: "removeVertex"; readonly type: string; readonly id: string }
  | { readonly kind: "putVertex"; readonly type: string; readonly id: string; readonly value: Value }
  | { readonly kind: "putEdge"; readonly relation: string; readonly from: string; readonly to: string };

/** A change as it travels and is stored: the value is canonical UTF-8 JSON. */
export type EncodedChange = GraphChange<Uint8Array>;

export const edgeText = ({ relation, from, to }: EdgeRef): string =>
  `${relation} from ${JSON.stringify(from)} to ${JSON.stringify(to)}`;

export const vertexText = (type: string, id: string): string => `${type} ${JSON.stringify(id)}`;

/** The change with its value as bytes. */
export const encodeChange = (change: GraphChange): EncodedChange =>
  change.kind === "putVertex" ? { ...change, value: encodeValue(change.value) } : change;

/** The reverse of {@link encodeChange}. Throws `bad-value`. */
export const decodeChange = (change: EncodedChange): GraphChange =>
  change.kind === "putVertex"
    ? { ...change, value: decodeValue(change.value, () => vertexText(change.type, change.id)) }
    : change;
