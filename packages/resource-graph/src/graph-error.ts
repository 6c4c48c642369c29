export type GraphErrorCode =
  /** An id or name that breaks its rules. */
  | "bad-id"
  | "bad-name"
  /** A value that is not JSON, too large, or refused by its type's `parse`. */
  | "bad-value"
  /** A vertex that the operation needs is not there. */
  | "absent"
  | "exists"
  /** A type or relation that the graph's schema does not declare, or declares otherwise. */
  | "not-in-schema"
  /** A change that would give an at-most-one end two edges. */
  | "cardinality"
  /** An edge from a vertex to itself. */
  | "self-edge"
  /** A change that would leave an edge without its vertex. */
  | "dangling"
  /** A persisted or exported form that cannot be read. */
  | "bad-format"
  | "limit";

/** What was refused, about which vertex or edge, and what to do. Callers test `code`. */
export class GraphError extends Error {
  override readonly name = "GraphError";
  readonly code: GraphErrorCode;

  constructor(code: GraphErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A broken promise of this package or of its caller's code; never the world's fault. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`resource graph: ${message}`);
}
