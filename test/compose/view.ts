/** The cluster as it is seen from a container beside it. */
export interface ClusterView {
  readonly clusterId: string;
  readonly leader: string;
  readonly epoch: number;
  /** Of the coordinator of this epoch; 0 before it acts. */
  readonly checkpoint: number;
  readonly coordinator: string;
  /** Names of nodes that are up. */
  readonly nodesUp: readonly string[];
  readonly instances: readonly InstanceView[];
}

export interface InstanceView {
  readonly id: string;
  /** Where it is placed, or empty. */
  readonly node: string;
  /** The node that it named in its newest answer, empty while it does not answer. */
  readonly answersFrom: string;
}

/** One line of whoever watches: what it sees, or why it sees nothing. */
export type Sighting =
  | { readonly kind: "view"; readonly view: ClusterView }
  | { readonly kind: "blind"; readonly why: string };

/** What became of a flow of events. */
export interface FlowReport {
  /** Events, each counted once in this and what follows. */
  readonly sent: number;
  readonly acknowledged: number;
  /** By the queue's own account. */
  readonly stored: number;
  /** Still in the queue at the end. */
  readonly unconsumed: number;
  /** Sendings that got no answer, and were repeated. */
  readonly repeated: number;
  readonly slowestMs: number;
}
