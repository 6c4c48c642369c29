/** One operation of a random program, by bare names. */
export type Op =
  | { readonly kind: "put"; readonly type: string; readonly id: string; readonly value: number }
  | { readonly kind: "remove"; readonly type: string; readonly id: string }
  | { readonly kind: "connect"; readonly relation: string; readonly from: string; readonly to: string }
  | { readonly kind: "disconnect"; readonly relation: string; readonly from: string; readonly to: string }
  | { readonly kind: "merge"; readonly type: string; readonly gone: string; readonly into: string };

export interface TwinRelation {
  readonly from: string;
  readonly to: string;
  readonly fromOne: boolean;
  readonly toOne: boolean;
}

interface TwinEdge {
  readonly relation: string;
  readonly from: string;
  readonly to: string;
}

/** The same graph, slow and obvious: a list of vertices and a list of edges. */
export class Twin {
  vertices: { type: string; id: string; value: number }[] = [];
  edges: TwinEdge[] = [];
  readonly relations: Readonly<Record<string, TwinRelation>>;

  constructor(relations: Readonly<Record<string, TwinRelation>>) {
    this.relations = relations;
  }

  copy(): Twin {
    const twin = new Twin(this.relations);
    twin.vertices = structuredClone(this.vertices);
    twin.edges = structuredClone(this.edges);
    return twin;
  }

  has(type: string, id: string): boolean {
    return this.vertices.some((vertex) => vertex.type === type && vertex.id === id);
  }

  run(op: Op): void {
    if (op.kind === "put") {
      this.vertices = this.vertices.filter(({ type, id }) => type !== op.type || id !== op.id);
      this.vertices.push({ type: op.type, id: op.id, value: op.value });
    } else if (op.kind === "remove") this.#remove(op.type, op.id);
    else if (op.kind === "connect") this.#connect(op);
    else if (op.kind === "disconnect") this.edges = this.edges.filter((edge) => !same(edge, op));
    else this.#merge(op.type, op.gone, op.into);
  }

  /** As the graph's entries come. */
  entries(): unknown[] {
    const vertices = this.vertices.map(({ type, id, value }) => ({ kind: "putVertex", type, id, value: { value } }));
    const edges = this.edges.map(({ relation, from, to }) => ({ kind: "putEdge", relation, from, to }));
    const order = (items: readonly object[], ...fields: string[]): object[] =>
      [...items].sort((a, b) => {
        for (const field of fields) {
          const [left, right] = [String(Reflect.get(a, field)), String(Reflect.get(b, field))];
          if (left !== right) return left < right ? -1 : 1;
        }
        return 0;
      });
    return [...order(vertices, "type", "id"), ...order(edges, "relation", "from", "to")];
  }

  reachable(roots: readonly string[]): Set<string> {
    const reached = new Set(
      this.vertices.filter(({ type }) => roots.includes(type)).map(({ type, id }) => `${type} ${id}`),
    );
    for (let size = -1; size !== reached.size; ) {
      size = reached.size;
      for (const { relation, from, to } of this.edges) {
        const ends = this.relations[relation] as TwinRelation;
        if (reached.has(`${ends.from} ${from}`)) reached.add(`${ends.to} ${to}`);
      }
    }
    return reached;
  }

  #remove(type: string, id: string): void {
    this.vertices = this.vertices.filter((vertex) => vertex.type !== type || vertex.id !== id);
    this.edges = this.edges.filter((edge) => !this.#touches(edge, type, id));
  }

  #touches({ relation, from, to }: TwinEdge, type: string, id: string): boolean {
    const ends = this.relations[relation] as TwinRelation;
    return (ends.from === type && from === id) || (ends.to === type && to === id);
  }

  #rivals(edge: TwinEdge): TwinEdge[] {
    const ends = this.relations[edge.relation] as TwinRelation;
    return this.edges.filter(
      (other) =>
        other.relation === edge.relation &&
        !same(other, edge) &&
        ((ends.toOne && other.from === edge.from) || (ends.fromOne && other.to === edge.to)),
    );
  }

  #connect({ relation, from, to }: TwinEdge): void {
    const edge = { relation, from, to };
    const rivals = this.#rivals(edge);
    this.edges = this.edges.filter((other) => !same(other, edge) && !rivals.includes(other));
    this.edges.push(edge);
  }

  #merge(type: string, gone: string, into: string): void {
    if (gone === into) return;
    const moving = this.edges.filter((edge) => this.#touches(edge, type, gone));
    this.#remove(type, gone);
    for (const { relation, from, to } of moving) {
      const ends = this.relations[relation] as TwinRelation;
      const edge = {
        relation,
        from: ends.from === type && from === gone ? into : from,
        to: ends.to === type && to === gone ? into : to,
      };
      const isSelf = ends.from === ends.to && edge.from === edge.to;
      if (!isSelf && this.#rivals(edge).length === 0 && !this.edges.some((other) => same(other, edge)))
        this.edges.push(edge);
    }
  }
}

const same = (a: TwinEdge, b: TwinEdge): boolean => a.relation === b.relation && a.from === b.from && a.to === b.to;
