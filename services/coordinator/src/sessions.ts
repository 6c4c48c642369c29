import { rendezvous } from "@halon/event-queue";
import type { Welcome } from "@halon/proto";
import type { GraphDraft, GraphView, Id } from "@halon/resource-graph";
import { hasInstance, Node, type NodeValue, runsOn, Service, type SessionValue } from "./schema.ts";

/** Monitors that a session is pinned to, where there are as many. */
const MONITORS_PER_NODE = 3;
/** Sessions of one node that may be in force at a time; more are not given out before the agent has begun one. */
export const SESSIONS_MAX = 8;
/** Bound on how much faster or slower any clock goes than true time. */
const DRIFT_RATIO = 0.05;

/** Distinct monitors that make a session's quorum: any two such sets share one. */
export const neededOf = (monitors: readonly string[]): number =>
  monitors.length === 0 ? 0 : Math.floor(monitors.length / 2) + 1;

/**
 * Who shall watch a node: monitors on other nodes where there are any, those on stations last, spread by rendezvous
 * hashing, so that all nodes' watchers change little when a monitor comes or goes.
 */
export function monitorsFor(graph: GraphView, node: string): readonly string[] {
  const live = [...graph.all(Node)].filter(([, value]) => value.state === "up" && value.roles.includes("monitor"));
  const ranks = [
    live.filter(([id, value]) => id !== node && value.kind !== "station"),
    live.filter(([id, value]) => id !== node && value.kind === "station"),
    live.filter(([id]) => id === node),
  ];
  const ordered = ranks.flatMap((rank) =>
    rendezvous(
      node,
      rank.map(([id]) => id),
      rank.length,
    ),
  );
  const others = ordered.filter((id) => id !== node);
  // Its own monitor dies with it: it may count only where there is no other at all.
  return (others.length > 0 ? others : ordered).slice(0, MONITORS_PER_NODE).sort();
}

/**
 * Gives the node a new session; those that may be in force stay listed until the agent has begun one. A session that the
 * agent has not begun is given again rather than followed by another, if it is pinned to the right monitors, or if there
 * are too many already: each one in force must be accused before the node is down. `isAnew`: one of the right monitors
 * does not acknowledge what was given so far, so that only the second reason counts.
 */
export function giveSession(draft: GraphDraft, id: Id<"Node">, value: NodeValue, isAnew = false): SessionValue {
  const monitors = monitorsFor(draft, id);
  const newest = value.sessions.at(-1);
  if (newest !== undefined && !newest.begun) {
    const isSame = !isAnew && newest.monitors.join() === monitors.join();
    if (isSame || value.sessions.length >= SESSIONS_MAX) return newest;
  }
  const session: SessionValue = {
    session: value.sessionLast + 1,
    monitors: [...monitors],
    needed: neededOf(monitors),
    begun: false,
  };
  draft.update(Node, id, { sessionLast: session.session, sessions: [...value.sessions, session] });
  return session;
}

/** The agent is in `session`, and in none before it. False when that is no session of its. */
export function beginSession(draft: GraphDraft, id: Id<"Node">, session: number, agentIncarnation: string): boolean {
  const value = draft.get(Node, id);
  if (value === undefined || value.state !== "up" || value.agentIncarnation !== agentIncarnation) return false;
  if (!value.sessions.some((each) => each.session === session)) return false;
  const sessions = value.sessions
    .filter((each) => each.session >= session)
    .map((each) => (each.session === session ? { ...each, begun: true } : each));
  const accusations = value.accusations.filter((each) => each.session >= session);
  draft.update(Node, id, { sessions, accusations });
  return true;
}

/** Adds accusations to what the node is accused of already; those of sessions not in force say nothing any more. */
export function accuse(
  draft: GraphDraft,
  id: Id<"Node">,
  session: number,
  accusations: readonly { readonly monitor: string; readonly silentMs: number }[],
  logTimeMs: number,
): void {
  const value = draft.get(Node, id);
  const accused = value?.sessions.find((each) => each.session === session);
  if (value === undefined || accused === undefined) return;
  const known = new Map(value.accusations.map((each) => [`${each.session}/${each.monitor}`, each]));
  for (const { monitor, silentMs } of accusations)
    if (accused.monitors.includes(monitor) && !known.has(`${session}/${monitor}`))
      known.set(`${session}/${monitor}`, { session, monitor, silentMs, logTimeMs });
  draft.update(Node, id, { accusations: [...known.values()] });
}

/**
 * True when every session that may be in force is accused by so many of its monitors that no quorum of acknowledgements
 * can come about without one that has promised to give none. A session that nobody watches is never judged: its agent
 * runs what it has. So it counts only where that may be something exclusive, and then it keeps the node up.
 */
export function isAccused({ sessions, accusations }: NodeValue, hasExclusive: boolean): boolean {
  const judged = hasExclusive ? sessions : sessions.filter(({ needed }) => needed > 0);
  const isEnough = ({ session, needed }: SessionValue): boolean =>
    needed > 0 && accusations.filter((each) => each.session === session).length >= needed;
  return judged.length > 0 && judged.every(isEnough);
}

/** Whether anything exclusive has its place on the node. */
export const hasExclusive = (graph: GraphView, id: Id<"Node">): boolean =>
  graph.in(runsOn, id).some((instance) => {
    const service = graph.inOne(hasInstance, instance);
    return service !== undefined && graph.get(Service, service)?.exclusive === true;
  });

/**
 * Log time from which an exclusive instance of the accused node can no longer run: no right counts from a heartbeat that
 * was sent after the last acknowledgement of any accuser, and each was given at least `silentMs` before its accusation
 * was stored. The right lasts at most `boundMs` of true time; log time and the accuser's clock may both be fast.
 */
export const deadFromMs = ({ accusations }: NodeValue, boundMs: number): number =>
  Math.ceil(
    boundMs * (1 + DRIFT_RATIO) + Math.max(0, ...accusations.map(({ logTimeMs, silentMs }) => logTimeMs - silentMs)),
  );

/** Nodes that others should watch than do, and that can be given one more session. */
export const badlyWatched = (graph: GraphView): readonly Id<"Node">[] =>
  [...graph.all(Node)].flatMap(([id, value]) => {
    const newest = value.sessions.at(-1);
    if (value.state !== "up" || newest === undefined || value.sessions.length >= SESSIONS_MAX) return [];
    const live = newest.monitors.filter((monitor) => graph.get(Node, Node.id(monitor))?.state === "up");
    if (live.length === MONITORS_PER_NODE) return [];
    const wanted = monitorsFor(graph, id);
    // Watched by the dead is better than by nobody: they may come back, and till then nothing is judged.
    const isEnough = live.length === newest.monitors.length && live.length >= wanted.length;
    const isOwn = newest.monitors.includes(id) && !wanted.includes(id);
    return (isEnough && !isOwn) || wanted.length === 0 ? [] : [id];
  });

/** What the agent is told of its session. The instances are added when it is sent. */
export const welcomeOf = (
  { agentIncarnation }: NodeValue,
  { session, monitors, needed }: SessionValue,
): Omit<Welcome, "instances"> => ({ agentIncarnation, session, monitors, needed });
