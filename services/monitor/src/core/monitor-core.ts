import { rendezvous } from "@halon/event-queue";
import { assert } from "@halon/runtime";
import { Floors } from "./floors.ts";
import { Hearing } from "./hearing.ts";
import type { Listing, MonitorInput, MonitorOutput } from "./monitor-io.ts";
import { Promises } from "./promises.ts";
import { WatchedNode } from "./watched-node.ts";

export interface MonitorCoreConfig {
  /** The node that this monitor runs on: its name as a monitor. */
  readonly node: string;
  /** Silence that makes a suspicion. */
  readonly suspicionMs: number;
  /** Bound on the difference of clock rates, such as 0.05. */
  readonly driftRatio: number;
}

export const MONITOR_DEFAULTS = { suspicionMs: 3_000, driftRatio: 0.05 } as const;

/** Nodes that one monitor watches; heartbeats of further ones are counted, and not acknowledged. */
export const NODES_MAX = 10_000;
/** Fellow monitors asked before an accusation. */
export const PROBES_MAX = 2;
/** Time they have to answer. */
export const PROBE_MS = 400;
/** An accusation that stands is repeated this often. */
export const REPORT_EVERY_MS = 1_000;
/** That this monitor has started is said again after this, if it was not stored. */
const SAY_UP_RETRY_MS = 1_000;
export const LIST_EVERY_MS = 2_000;
/** And, when no station told, after this. */
const LIST_RETRY_MS = 500;
/** Everything that depends on time is looked at this often. */
export const TICK_MS = 100;

/**
 * Watches the nodes that are pinned to this monitor; sans-IO. Acknowledges heartbeats, and accuses a node that has been
 * silent for too long, that no fellow monitor has heard, while this one's own hearing had no gap. An accusation is a
 * promise: nothing of that session, nor of an older one, is acknowledged any more. As it may have made promises in an
 * earlier life, it acknowledges only sessions that were given in this one; no wait is needed beside that, since nobody
 * can have accused a session before it was given.
 */
export class MonitorCore {
  readonly #config: MonitorCoreConfig;
  readonly #hearing = new Hearing();
  readonly #promises = new Promises();
  readonly #floors = new Floors();
  readonly #nodes = new Map<string, WatchedNode>();
  #monitors: readonly string[] = [];
  #startMs = 0;
  /** Nothing of a node that is not, or no longer, known here was acknowledged after this. */
  #forgottenAckMs = 0;
  #isListing = false;
  #listDueMs = 0;
  /** Invariant: `undefined` while it is being said, and when there is nothing to say. */
  #sayUpDueMs: number | undefined;
  #suspicion = 0;
  /** One at the end of the step, however many suspicions begin in it. */
  #wantsLoopback = false;
  readonly #counters = {
    acknowledged: 0,
    /** Heartbeats of sessions that an earlier life may have accused. */
    foreignHeartbeats: 0,
    accusedHeartbeats: 0,
    suspicions: 0,
    accusations: 0,
    overflow: 0,
  };

  constructor(config: MonitorCoreConfig) {
    const { suspicionMs, driftRatio } = config;
    assert(suspicionMs > 0, `suspicion ${suspicionMs} ms`);
    assert(driftRatio >= 0 && driftRatio < 1, `drift ratio ${driftRatio}`);
    this.#config = config;
  }

  get status(): Readonly<Record<string, unknown>> {
    const { isDeaf, gaps } = this.#hearing;
    const watched = this.#nodes.size;
    const accused = [...this.#nodes.values()].filter(({ name, newest }) => newest <= this.#promises.sessionOf(name));
    return { watched, accused: accused.length, promises: this.#promises.size, isDeaf, gaps, counters: this.#counters };
  }

  step(input: MonitorInput, nowMs: number): readonly MonitorOutput[] {
    const out: MonitorOutput[] = [];
    if (input.kind === "start") this.#onStart(input.isConnected, nowMs);
    this.#hearing.note(nowMs);
    switch (input.kind) {
      case "start":
      case "timer":
        this.#onTick(nowMs, out);
        break;
      case "heartbeat":
        this.#onHeartbeat(input, nowMs, out);
        break;
      case "loopback":
        this.#hearing.onLoopback(input.seq);
        for (const node of this.#nodes.values()) if (node.suspicion !== undefined) this.#judge(node, nowMs, out);
        break;
      case "connection":
        this.#hearing.onConnection(input.isConnected, nowMs);
        break;
      case "monitors":
        this.#monitors = input.names;
        break;
      case "listed":
        this.#isListing = false;
        if (input.listing === undefined) this.#listDueMs = Math.min(this.#listDueMs, nowMs + LIST_RETRY_MS);
        else this.#onListing(input.listing, nowMs, out);
        break;
      case "saidUp":
        if (!input.isStored) this.#sayUpDueMs = nowMs + SAY_UP_RETRY_MS;
        break;
      case "probe":
        this.#onProbe(input, nowMs, out);
        break;
      case "probed":
        this.#onProbed(input, nowMs, out);
        break;
      case "reported":
        this.#nodes.get(input.node)?.onReported(input.session);
        break;
      default:
        input satisfies never;
    }
    if (this.#wantsLoopback) out.push({ kind: "loopback", seq: this.#hearing.send(nowMs) });
    this.#wantsLoopback = false;
    return out;
  }

  #onStart(isConnected: boolean, nowMs: number): void {
    this.#startMs = nowMs;
    this.#forgottenAckMs = nowMs;
    this.#hearing.begin(nowMs, isConnected);
  }

  #onTick(nowMs: number, out: MonitorOutput[]): void {
    this.#hearing.onTimer(nowMs + TICK_MS);
    if (this.#hearing.isLoopbackDue(nowMs)) this.#wantsLoopback = true;
    if (nowMs >= this.#listDueMs && !this.#isListing) {
      this.#isListing = true;
      this.#listDueMs = nowMs + LIST_EVERY_MS;
      out.push({ kind: "list" });
    }
    this.#maybeSayUp(nowMs, out);
    for (const node of this.#nodes.values()) this.#judge(node, nowMs, out);
    out.push({ kind: "timer", name: "tick", atMs: nowMs + TICK_MS });
  }

  #onHeartbeat(
    { node: name, session, seq }: MonitorInput & { kind: "heartbeat" },
    nowMs: number,
    out: MonitorOutput[],
  ): void {
    if (session <= this.#promises.sessionOf(name)) {
      this.#counters.accusedHeartbeats++;
      return;
    }
    const node = this.#watch(name, nowMs);
    if (node === undefined) return;
    node.onHeartbeat(session, nowMs);
    if (!this.#floors.isAbove(name, session)) {
      this.#counters.foreignHeartbeats++;
      return;
    }
    node.onAcknowledged(session, nowMs);
    this.#counters.acknowledged++;
    out.push({ kind: "acknowledge", node: name, session, seq });
  }

  /** Not before the floors are taken: the sessions that this brings about shall be above them. */
  #maybeSayUp(nowMs: number, out: MonitorOutput[]): void {
    if (this.#sayUpDueMs === undefined || nowMs < this.#sayUpDueMs) return;
    this.#sayUpDueMs = undefined;
    out.push({ kind: "sayUp" });
  }

  #watch(name: string, nowMs: number): WatchedNode | undefined {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    if (this.#nodes.size >= NODES_MAX) {
      this.#counters.overflow++;
      return undefined;
    }
    const node = new WatchedNode(name, nowMs);
    this.#nodes.set(name, node);
    return node;
  }

  #onListing(listing: Listing, nowMs: number, out: MonitorOutput[]): void {
    const { nodes, unreadable } = listing;
    if (this.#floors.take(listing)) this.#sayUpDueMs = nowMs;
    this.#maybeSayUp(nowMs, out);
    const present = new Set(unreadable);
    for (const { node: name, sessions, accused } of nodes) {
      present.add(name);
      if (accused > this.#promises.sessionOf(name)) this.#promise(name, accused, nowMs);
      if (sessions.length > 0) this.#watch(name, nowMs);
      this.#nodes.get(name)?.onListed({ sessions }, this.#promises.sessionOf(name), nowMs);
    }
    for (const [name, node] of this.#nodes) {
      if (!present.has(name)) node.onListed({ sessions: [] }, this.#promises.sessionOf(name), nowMs);
      if (!node.isEmpty) continue;
      this.#forgottenAckMs = Math.max(this.#forgottenAckMs, node.lastAckMs);
      this.#nodes.delete(name);
    }
  }

  /** False when one more cannot be remembered. */
  #promise(name: string, session: number, nowMs: number): boolean {
    return this.#promises.make(name, session, nowMs, (other) => this.#nodes.has(other));
  }

  #onProbe({ token, node, session }: MonitorInput & { kind: "probe" }, nowMs: number, out: MonitorOutput[]): void {
    const heard = this.#nodes.get(node)?.heard;
    const silentMs = nowMs - (heard === undefined ? this.#startMs : heard.atMs);
    const isAlive = heard !== undefined && heard.session >= session && silentMs < this.#config.suspicionMs;
    out.push({ kind: "probeReply", token, heard: isAlive, silentMs: Math.max(0, Math.floor(silentMs)) });
  }

  #onProbed(input: MonitorInput & { kind: "probed" }, nowMs: number, out: MonitorOutput[]): void {
    const { node: name, suspicion, silentMs } = input;
    const node = this.#nodes.get(name);
    if (node?.suspicion?.id !== suspicion) return;
    if (silentMs === undefined) node.suspicion.waiting--;
    else {
      node.aliveMs = Math.max(node.aliveMs, nowMs - silentMs);
      node.suspicion = undefined;
    }
    this.#judge(node, nowMs, out);
  }

  #judge(node: WatchedNode, nowMs: number, out: MonitorOutput[]): void {
    const { suspicionMs } = this.#config;
    const isSilent = nowMs - Math.max(node.aliveMs, this.#hearing.unbrokenSinceMs) >= suspicionMs;
    if (!isSilent) node.suspicion = undefined;
    else if (node.newest > this.#promises.sessionOf(node.name)) {
      if (node.suspicion === undefined) this.#suspect(node, nowMs, out);
      this.#maybeAccuse(node, nowMs);
    }
    this.#report(node, nowMs, out);
  }

  /** Asks those who would have heard it: the other monitors of its session, or, as long as no station told them, the likely ones. */
  #suspect(node: WatchedNode, nowMs: number, out: MonitorOutput[]): void {
    const { newest: session, name } = node;
    const pinned = node.monitorsOf(session);
    const others = (pinned.length > 0 ? pinned : this.#monitors).filter((monitor) => monitor !== this.#config.node);
    const fellows = rendezvous(name, others, PROBES_MAX);
    const suspicion = ++this.#suspicion;
    node.suspicion = { id: suspicion, atMs: nowMs, waiting: fellows.length };
    this.#counters.suspicions++;
    for (const monitor of fellows) out.push({ kind: "probe", monitor, node: name, session, suspicion });
    this.#wantsLoopback = true;
  }

  /** The fellows have had their time, and this monitor has heard itself since the suspicion: the silence is the node's. */
  #maybeAccuse(node: WatchedNode, nowMs: number): void {
    const { suspicion, newest } = node;
    if (suspicion === undefined) return;
    const isAsked = suspicion.waiting <= 0 || nowMs - suspicion.atMs >= PROBE_MS;
    if (!isAsked || !this.#hearing.isProvenAt(suspicion.atMs)) return;
    node.suspicion = undefined;
    if (this.#promise(node.name, newest, nowMs)) this.#counters.accusations++;
    else this.#counters.overflow++;
  }

  #report(node: WatchedNode, nowMs: number, out: MonitorOutput[]): void {
    const promised = this.#promises.sessionOf(node.name);
    if (promised === 0) return;
    for (const session of node.takeReports(promised, nowMs, REPORT_EVERY_MS)) {
      // Counted from the last acknowledgement, which is all that the agent's rights rest on. The time of the last
      // heartbeat, or the baseline of a suspicion, will not do: those move for reasons that the agent never learns of, and a
      // silence that is told too long starts an exclusive instance twice. Without an acknowledgement in this life it counts
      // from its beginning: an earlier life gave its last one before that.
      const sinceMs = node.ackedAtMs(session, this.#forgottenAckMs);
      // At least so much has passed on a clock that runs slower than this one.
      const silentMs = Math.max(0, Math.floor((nowMs - sinceMs) / (1 + this.#config.driftRatio)));
      out.push({ kind: "accuse", node: node.name, session, silentMs });
    }
  }
}
