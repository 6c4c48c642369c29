import {
  type ClusterSpec,
  decodeEventPayload,
  type EventPayload,
  type InstanceChanged,
  type InstanceState,
  isName,
  type MonitorUp,
  type NodeUnreachable,
  type NodeUp,
  type SessionBegun,
} from "@halon/proto";
import { eventType } from "@halon/rules";

type ValueOf<Kind extends EventPayload["kind"]> = (EventPayload & { kind: Kind })["value"];

/** Roles that a node may have. */
const ROLES_MAX = 32;
/** Accusations in one event: of one session, at most one per monitor. */
const ACCUSATIONS_MAX = 64;
/** What is kept of an agent's reason. */
const REASON_CHARS_MAX = 512;
const INSTANCE = /^[A-Za-z0-9_-]{1,64}\/\d{1,6}$/;
const KINDS = ["station", "satellite", "user"] as const;
const STATES = ["starting", "running", "failed", "stopped"] as const;

/**
 * What cannot be read is refused by the engine, which counts it: what comes out of here fits into the graph, so that no
 * rule stumbles over it again and again.
 */
function read<Kind extends EventPayload["kind"]>(kind: Kind, payload: Uint8Array): ValueOf<Kind> {
  const decoded = decodeEventPayload(payload);
  if (decoded.kind !== kind) throw new Error(`payload of kind ${decoded.kind}: ${kind} was expected`);
  return decoded.value as ValueOf<Kind>;
}

function named(what: string, name: string): void {
  if (!isName(name)) throw new Error(`${what} ${JSON.stringify(name.slice(0, 80))}: use 1 to 64 of A-Z a-z 0-9 _ -`);
}

const oneOf = <Word extends string>(what: string, word: string, words: readonly Word[]): Word => {
  const found = words.find((each) => each === word);
  if (found === undefined)
    throw new Error(`${what} ${JSON.stringify(word.slice(0, 80))}: one of ${words.join(", ")} was expected`);
  return found;
};

export const NodeUpEvent = eventType<Omit<NodeUp, "kind"> & { readonly kind: (typeof KINDS)[number] }>(
  "node-up",
  (payload) => {
    const value = read("nodeUp", payload);
    const { node, agentIncarnation, kind, roles } = value;
    named("node", node);
    named("agent incarnation", agentIncarnation);
    if (roles.length > ROLES_MAX) throw new Error(`${roles.length} roles: at most ${ROLES_MAX} are allowed`);
    for (const role of roles) named("role", role);
    return { ...value, kind: oneOf("kind of node", kind, KINDS) };
  },
);

export const SessionBegunEvent = eventType<SessionBegun>("session-begun", (payload) => {
  const value = read("sessionBegun", payload);
  named("node", value.node);
  return value;
});

export const NodeUnreachableEvent = eventType<NodeUnreachable>("node-unreachable", (payload) => {
  const value = read("nodeUnreachable", payload);
  named("node", value.node);
  const { length } = value.accusations;
  if (length > ACCUSATIONS_MAX) throw new Error(`${length} accusations: at most ${ACCUSATIONS_MAX} are taken`);
  return value;
});

export const MonitorUpEvent = eventType<MonitorUp>("monitor-up", (payload) => {
  const value = read("monitorUp", payload);
  named("monitor", value.monitor);
  return value;
});

export interface InstanceNews extends InstanceState {
  readonly state: (typeof STATES)[number];
}

export const InstanceChangedEvent = eventType<Omit<InstanceChanged, "state"> & { readonly state: InstanceNews }>(
  "instance-changed",
  (payload) => {
    const { node, state } = read("instanceChanged", payload);
    named("node", node);
    if (state === undefined) throw new Error("no state of an instance in it");
    if (!INSTANCE.test(state.instance))
      throw new Error(`instance ${JSON.stringify(state.instance.slice(0, 80))}: service/number was expected`);
    const reason = state.reason.slice(0, REASON_CHARS_MAX);
    return { node, state: { ...state, reason, state: oneOf("state", state.state, STATES) } };
  },
);

export const ClusterSpecEvent = eventType<ClusterSpec>("cluster-spec", (payload) => read("clusterSpec", payload));
