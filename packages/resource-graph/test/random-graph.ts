import {
  type Graph,
  type GraphDraft,
  type Relation,
  relation,
  Schema,
  type VertexType,
  vertexType,
} from "@halon/resource-graph";
import fc from "fast-check";
import type { Op, Twin, TwinRelation } from "./twin.ts";

type Counted = { readonly value: number };
const counted = (value: unknown): Counted | string =>
  typeof (value as Counted).value === "number" ? (value as Counted) : "a number is expected";

const types = { A: vertexType("A", counted), B: vertexType("B", counted) };
const { A, B } = types;
/** Every cardinality, between two types and within one. */
const relations = [
  relation("mm", A, B, { from: "many", to: "many" }),
  relation("mo", A, B, { from: "many", to: "one" }),
  relation("om", B, A, { from: "one", to: "many" }),
  relation("oo", A, A, { from: "one", to: "one" }),
  relation("self", A, A, { from: "many", to: "many" }),
];

export const randomSchema = new Schema({ types: [A, B], relations, roots: [B] });

export const twinRelations: Readonly<Record<string, TwinRelation>> = Object.fromEntries(
  relations.map(({ key, from, to, ends }) => [
    key,
    { from: from.name, to: to.name, fromOne: ends.from === "one", toOne: ends.to === "one" },
  ]),
);

// Few ids, so that operations meet; some that a store must escape, and by that puts in another order ("a-b" is before "a/b").
const id = fc.constantFrom("1", "2", "a-b", "a/b", "ü%", "a");
const type = fc.constantFrom("A", "B");
const edge = (kind: "connect" | "disconnect"): fc.Arbitrary<Op> =>
  fc.record({ kind: fc.constant(kind), relation: fc.constantFrom(...Object.keys(twinRelations)), from: id, to: id });

export const ops = (maxLength = 60): fc.Arbitrary<Op[]> =>
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), type, id, value: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), type, id }) },
      { weight: 8, arbitrary: edge("connect") },
      { weight: 2, arbitrary: edge("disconnect") },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("merge" as const), type, gone: id, into: id }) },
    ),
    // "max": by default programs would be so short that edges are rare.
    { maxLength, size: "max" },
  );

/** Whether the operation makes sense on the graph as it is; others are left out of a program. */
function isPossible(op: Op, twin: Twin): boolean {
  if (op.kind === "merge") return twin.has(op.type, op.gone) && twin.has(op.type, op.into);
  if (op.kind !== "connect") return true;
  const ends = twinRelations[op.relation] as TwinRelation;
  return twin.has(ends.from, op.from) && twin.has(ends.to, op.to) && !(ends.from === ends.to && op.from === op.to);
}

function runOn(draft: GraphDraft, op: Op): void {
  const typeOf = (name: string) => types[name as "A" | "B"] as VertexType<string, Counted>;
  if (op.kind === "put") draft.put(typeOf(op.type), op.id, { value: op.value });
  else if (op.kind === "remove") draft.remove(typeOf(op.type), op.id);
  else if (op.kind === "merge") draft.merge(typeOf(op.type), op.gone, op.into);
  else {
    const found = randomSchema.relations.get(op.relation) as Relation<string, string>;
    draft[op.kind](found, found.from.id(op.from), found.to.id(op.to));
  }
}

/** Runs the possible ones among `program` on both. */
export function runBoth(graph: Graph, twin: Twin, program: readonly Op[]) {
  return graph.change((draft) => {
    for (const op of program) {
      if (!isPossible(op, twin)) continue;
      twin.run(op);
      runOn(draft, op);
    }
  });
}
