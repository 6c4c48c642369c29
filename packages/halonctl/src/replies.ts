/** Replies of `halon.v1.Halon`, as the client hands them out: no field is ever absent. */

export interface NodeReply {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly roles: readonly string[];
  readonly instances: number;
}

export interface StatusReply {
  readonly cluster: string;
  readonly clusterId: string;
  readonly station: string;
  readonly role: string;
  readonly leader: string;
  readonly members: readonly string[];
  readonly applied: number;
  readonly epoch: number;
  readonly coordinator: string;
  readonly checkpoint: number;
  readonly eventsQueued: number;
  readonly nodes: readonly NodeReply[];
  readonly moreNodes: boolean;
}

export interface EdgeReply {
  readonly relation: string;
  readonly from: string;
  readonly to: string;
}

export interface VertexReply {
  readonly type: string;
  readonly id: string;
  /** JSON. */
  readonly value: string;
  readonly edges: readonly EdgeReply[];
  readonly moreEdges: boolean;
}

export interface GraphReply {
  readonly vertices: readonly VertexReply[];
  readonly more: boolean;
}

export interface MistakeReply {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

export interface ApplyReply {
  readonly mistakes: readonly MistakeReply[];
  readonly handled: boolean;
  readonly services: number;
}

export interface InstanceReply {
  readonly id: string;
  readonly node: string;
  readonly state: string;
  readonly port: number;
  readonly generation: number;
  readonly restarts: number;
  readonly reason: string;
}

export interface ServiceReply {
  readonly name: string;
  readonly exclusive: boolean;
  readonly wanted: number;
  readonly instances: readonly InstanceReply[];
}

export interface ServicesReply {
  readonly services: readonly ServiceReply[];
  readonly more: boolean;
}

export interface StationReply {
  readonly node: string;
  readonly member: string;
  readonly votes: boolean;
  /** Empty: it was not heard lately. */
  readonly role: string;
  readonly applied: number;
}

export interface StationsReply {
  readonly clusterId: string;
  readonly station: string;
  readonly leader: string;
  readonly applied: number;
  readonly stations: readonly StationReply[];
}

export interface ChangeReply {
  readonly outcome: string;
  readonly message: string;
  readonly members: readonly string[];
}
