/**
 * The messages as the code sees them: plain data, all fields present, numbers as numbers. What each means is said in
 * `halon/*.proto`, field by field; this file only gives it types.
 */

/** One of the cases of `Cases`. */
export type Variant<Cases> = {
  [Kind in keyof Cases]: { readonly kind: Kind; readonly value: Cases[Kind] };
}[keyof Cases];

export interface Bytes {
  readonly bytes: Uint8Array;
}

// ---- stations

export interface Announce {
  readonly role: string;
  readonly node: string;
  readonly members: readonly string[];
  readonly leader: string;
  readonly station?: StationNotice;
}
export interface StationNotice {
  readonly clusterId: string;
  readonly member: string;
  readonly role: string;
  readonly applied: number;
}
export interface Group {
  readonly clusterId: string;
  readonly members: readonly string[];
}
export interface Directory {
  readonly stations: readonly string[];
  readonly leader: string;
  readonly transponders: readonly string[];
  readonly monitors: readonly string[];
  readonly group?: Group;
}
export interface Lease {
  readonly epoch: number;
  readonly holder: string;
  readonly checkpoint: number;
}
export interface LeaseNotice {
  readonly station: string;
  readonly lease?: Lease;
}

// ---- events

export interface EventId {
  readonly producer: string;
  readonly incarnation: string;
  readonly seq: number;
}
export interface Event {
  readonly id?: EventId;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly traceparent: string;
  readonly lowest: number;
  /** 0 when absent. */
  readonly priority?: number;
  /** False when absent. */
  readonly registered?: boolean;
}
export interface EventGroup {
  readonly producer: string;
  readonly incarnation: string;
  readonly first: number;
  readonly lowest: number;
  readonly priority: number;
  readonly type: string;
  readonly sizes: Uint8Array;
  readonly payloads: Uint8Array;
  readonly traceparent: string;
  readonly registered: boolean;
}
export interface StoredGroup {
  readonly position: number;
  readonly logTimeMs: number;
  readonly group?: EventGroup;
}
export interface PositionRange {
  readonly first: number;
  readonly last: number;
  readonly priority: number;
}
export interface QueuedEvent {
  readonly position: number;
  readonly logTimeMs: number;
  readonly event?: Event;
}

// ---- commands of the replicated state

export interface Enqueue {
  readonly events: readonly Event[];
  /** None when absent. */
  readonly groups?: readonly EventGroup[];
}
export interface RegisterProducer {
  readonly producer: string;
  readonly incarnation: string;
}
export interface ClearQueue {
  readonly through: number;
  readonly type: string;
  readonly priority: number;
  readonly by: string;
  readonly why: string;
  readonly from: number;
}
export interface GrantLease {
  readonly epoch: number;
  readonly checkpoint: number;
  readonly holder: string;
}
export interface KeyChange {
  readonly key: string;
  /** Absent: delete. */
  readonly value?: Uint8Array;
}
export interface Decision {
  readonly rule: string;
  readonly instance: string;
  readonly text: string;
  readonly facts: string;
  readonly events: readonly string[];
  readonly logTimeMs: number;
  readonly epoch: number;
}
export interface Checkpoint {
  readonly epoch: number;
  readonly number: number;
  readonly consumed: readonly number[];
  readonly changes: readonly KeyChange[];
  readonly decisions: readonly Decision[];
  /** None when absent. */
  readonly consumedRanges?: readonly PositionRange[];
}
export type StateCommand = Variant<{
  enqueue: Enqueue;
  grantLease: GrantLease;
  checkpoint: Checkpoint;
  registerProducer: RegisterProducer;
  clearQueue: ClearQueue;
}>;

export interface EnqueueOutcome {
  readonly kind: string;
  readonly message: string;
  readonly position: number;
  /** 1 when absent or 0. */
  readonly count?: number;
}
export interface EnqueueResult {
  readonly outcomes: readonly EnqueueOutcome[];
}
export interface LeaseResult {
  readonly granted: boolean;
  readonly lease?: Lease;
  readonly logTimeMs: number;
}
export interface CheckpointResult {
  readonly applied: boolean;
  readonly lease?: Lease;
  readonly logTimeMs: number;
}
export interface ClearResult {
  readonly cleared: number;
  readonly next: number;
}
export type StateResult = Variant<{
  enqueue: EnqueueResult;
  lease: LeaseResult;
  checkpoint: CheckpointResult;
  malformed: string;
  register: { readonly registered: boolean };
  clear: ClearResult;
}>;

// ---- queries

export interface PageQuery {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  /** An older station gives entries all the same. */
  readonly packed?: boolean;
}
export interface EventsQuery {
  readonly after: number;
  readonly limit: number;
  readonly waitMs: number;
}
export interface LaneQuery {
  readonly priority: number;
  readonly after: number;
  readonly waitMs: number;
}
export type QueryBody = Variant<{
  page: PageQuery;
  events: EventsQuery;
  lease: Record<string, never>;
  status: Record<string, never>;
  lane: LaneQuery;
  queue: Record<string, never>;
}>;
export interface Query {
  readonly minApplied: number;
  readonly body?: QueryBody;
}
export interface PageEntry {
  readonly key: string;
  readonly value: Uint8Array;
}
export interface Page {
  readonly entries: readonly PageEntry[];
  readonly more: boolean;
  /** As of `packEntries`. */
  readonly packed?: Uint8Array;
  /** With `more`: where the next page begins. An older station does not say. */
  readonly next?: string;
}
export interface StationStatus {
  readonly node: string;
  readonly clusterId: string;
  readonly role: string;
  readonly leader: string;
  readonly members: readonly string[];
  readonly chosen: number;
  readonly lease?: Lease;
  readonly eventsQueued: number;
  readonly counters: Readonly<Record<string, number>>;
}
export interface LanePiece {
  readonly stored?: StoredGroup;
  readonly consumed: readonly PositionRange[];
}
export interface QueueShare {
  readonly name: string;
  readonly events: number;
  readonly bytes: number;
  readonly oldest: number;
  readonly oldestLogTimeMs: number;
}
export interface QueueStatus {
  readonly priorities: readonly QueueShare[];
  readonly types: readonly QueueShare[];
  readonly moreTypes: boolean;
  readonly last: number;
  readonly producers: number;
  readonly counters: Readonly<Record<string, number>>;
}
export type QueryReplyBody = Variant<{
  page: Page;
  events: { readonly events: readonly QueuedEvent[] };
  lease: Lease;
  status: StationStatus;
  refused: string;
  lane: { readonly pieces: readonly LanePiece[] };
  queue: QueueStatus;
}>;
export interface QueryReply {
  readonly applied: number;
  readonly logTimeMs: number;
  readonly body?: QueryReplyBody;
}

// ---- upwards

export interface Report {
  readonly events: readonly Event[];
}
export interface ReportOutcome {
  readonly kind: string;
  readonly message: string;
}
export interface ReportAck {
  readonly outcomes: readonly ReportOutcome[];
}
export interface InstanceState {
  readonly instance: string;
  readonly generation: number;
  readonly state: string;
  readonly port: number;
  readonly pid: number;
  readonly restarts: number;
  readonly reason: string;
}
export interface NodeUp {
  readonly node: string;
  readonly agentIncarnation: string;
  readonly kind: string;
  readonly roles: readonly string[];
  readonly inventory: readonly InstanceState[];
  readonly session: number;
}
export interface InstanceChanged {
  readonly node: string;
  readonly state?: InstanceState;
}
export interface SessionBegun {
  readonly node: string;
  readonly agentIncarnation: string;
  readonly session: number;
}
export interface Accusation {
  readonly monitor: string;
  readonly silentMs: number;
}
export interface NodeUnreachable {
  readonly node: string;
  readonly session: number;
  readonly accusations: readonly Accusation[];
}
export interface MonitorUp {
  readonly monitor: string;
}
export interface ClusterSpec {
  readonly json: string;
  readonly prune: boolean;
}
/** Payloads of Halon's own events. */
export type EventPayload = Variant<{
  nodeUp: NodeUp;
  instanceChanged: InstanceChanged;
  nodeUnreachable: NodeUnreachable;
  clusterSpec: ClusterSpec;
  sessionBegun: SessionBegun;
  monitorUp: MonitorUp;
}>;

// ---- liveness

export interface Heartbeat {
  readonly node: string;
  readonly agentIncarnation: string;
  readonly session: number;
  readonly seq: number;
}
export interface HeartbeatAck {
  readonly monitor: string;
  readonly session: number;
  readonly seq: number;
}
export interface Probe {
  readonly node: string;
  readonly session: number;
}
export interface ProbeReply {
  readonly monitor: string;
  readonly heard: boolean;
  readonly silentMs: number;
}

// ---- downwards

export interface InstanceSpec {
  readonly instance: string;
  readonly service: string;
  readonly generation: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly exclusive: boolean;
  readonly restartsMax: number;
  readonly restartWindowMs: number;
  readonly cwd: string;
}
export interface Welcome {
  readonly agentIncarnation: string;
  readonly session: number;
  readonly monitors: readonly string[];
  readonly needed: number;
  readonly instances: readonly InstanceSpec[];
}
export type NodeAction = Variant<{
  welcome: Welcome;
  start: { readonly spec?: InstanceSpec };
  stop: { readonly instance: string; readonly generation: number };
}>;
export interface NodeCommand {
  readonly id: string;
  readonly node: string;
  readonly epoch: number;
  readonly action?: NodeAction;
  /** 0 when absent. */
  readonly session?: number;
}
export interface CommandReply {
  readonly id: string;
  readonly outcome: string;
  readonly message: string;
}
export interface Batch {
  readonly id: string;
  readonly commands: readonly NodeCommand[];
}
export interface BatchReply {
  readonly id: string;
  readonly replies: readonly CommandReply[];
}
export interface Activate {
  readonly epoch: number;
  readonly node: string;
}
export interface ActivateReply {
  readonly outcome: string;
  readonly message: string;
}
export interface Health {
  readonly healthy: boolean;
  /** JSON. */
  readonly status: string;
}

/** What an envelope can carry. */
export interface Bodies {
  log: Bytes;
  submit: Bytes;
  submitReply: Bytes;
  watch: Bytes;
  watchReply: Bytes;
  query: Query;
  queryReply: QueryReply;
  announce: Announce;
  directoryRequest: Record<string, never>;
  directory: Directory;
  leaseNotice: LeaseNotice;
  report: Report;
  reportAck: ReportAck;
  heartbeat: Heartbeat;
  heartbeatAck: HeartbeatAck;
  probe: Probe;
  probeReply: ProbeReply;
  batch: Batch;
  batchReply: BatchReply;
  command: NodeCommand;
  commandReply: CommandReply;
  activate: Activate;
  activateReply: ActivateReply;
  healthRequest: Record<string, never>;
  health: Health;
}
export type BodyKind = keyof Bodies;
export type Body = Variant<Bodies>;

/** Who sent a message. */
export interface Header {
  readonly cluster: string;
  readonly sender: string;
  readonly incarnation: string;
  readonly id: string;
  readonly traceparent: string;
}
