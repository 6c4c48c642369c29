import type { HeartbeatAck, InstanceState, Welcome } from "@halon/proto";
import type { Outputs, SubmitOutcome } from "./agent-io.ts";
import type { AgentState } from "./agent-state.ts";
import type { ExclusiveRight } from "./exclusive-right.ts";

export interface SessionConfig {
  readonly node: string;
  readonly agentIncarnation: string;
  /** `station`, `satellite` or `user`. */
  readonly nodeKind: string;
  /** Halon's own services on the node. */
  readonly roles: readonly string[];
  readonly heartbeatMs: number;
}

export const NODE_UP_KEY = "node-up";
export const SESSION_BEGUN_KEY = "session-begun";
const HEARTBEAT_TIMER = "heartbeat";
const ASK_TIMER = "ask";
const SAY_BEGUN_TIMER = "say-begun";
/** An event `node-up` that was stored and not followed by a welcome is repeated after this, and then more seldom. */
const ASK_AGAIN_MS_MIN = 5_000;
const ASK_AGAIN_MS_MAX = 60_000;
/** After an event was not taken, or a welcome was to a session that is over. */
const ASK_SOON_MS = 500;

/**
 * The node's standing with the coordinator: asks with `node-up` until welcomed into a session, sends its heartbeats, and
 * asks again when the session can give no right any more. Heartbeats go on until there is a newer session: the node is
 * not down.
 */
export class NodeSession {
  readonly #config: SessionConfig;
  readonly #right: ExclusiveRight;
  readonly #inventory: () => readonly InstanceState[];
  #session = 0;
  #monitors: readonly string[] = [];
  #needed = 1;
  #seq = 0;
  #isWelcomed = false;
  /** Newest session of which it was said that it has begun. */
  #saidBegun = 0;
  #isAsking = false;
  #isUnderWay = false;
  /** Asked since the right was last gained. */
  #asks = 0;

  constructor(config: SessionConfig, right: ExclusiveRight, inventory: () => readonly InstanceState[]) {
    this.#config = config;
    this.#right = right;
    this.#inventory = inventory;
  }

  get session(): number {
    return this.#session;
  }
  /** True once the handshake of this life of the agent is done. */
  get isWelcomed(): boolean {
    return this.#isWelcomed;
  }
  get stored(): Pick<AgentState, "session" | "monitors" | "needed"> {
    return { session: this.#session, monitors: this.#monitors, needed: this.#needed };
  }

  /** Goes on with the stored session, if any, and asks for a new one. The right must be resumed already. */
  begin(stored: AgentState, seqBase: number, nowMs: number, out: Outputs): void {
    [this.#session, this.#monitors, this.#needed] = [stored.session, stored.monitors, stored.needed];
    this.#seq = seqBase;
    if (this.#session > 0) this.#beat(nowMs, out);
    this.#ask(out);
  }

  /** `first`: of this life of the agent, in the session it had; `again`, `older`: nothing has changed. */
  onWelcome(welcome: Welcome, nowMs: number, out: Outputs): "new" | "first" | "again" | "older" {
    const { session, monitors, needed } = welcome;
    if (session < this.#session) return "older";
    const isNew = session > this.#session;
    const isFirst = !this.#isWelcomed;
    this.#isWelcomed = true;
    if (!isNew && this.#right.isClosed) {
      // It was meant for one that still had a right.
      this.#askAt(nowMs + ASK_SOON_MS, out);
      return isFirst ? "first" : "again";
    }
    this.#isAsking = false;
    out.push({ kind: "timer", name: ASK_TIMER, atMs: undefined });
    if (!isNew) return isFirst ? "first" : "again";
    [this.#session, this.#monitors, this.#needed] = [session, [...new Set(monitors)], needed];
    this.#right.open(session, this.#monitors, needed, nowMs);
    this.#beat(nowMs, out);
    return "new";
  }

  onAck(ack: HeartbeatAck, nowMs: number): void {
    this.#right.acknowledged(ack, nowMs);
    if (this.#right.isHeld) this.#asks = 0;
  }

  /** The session can give no right any more. */
  onClosed(nowMs: number, out: Outputs): void {
    if (this.#asks === 0) this.#ask(out);
    else this.#askAt(nowMs + this.#pauseMs, out);
  }

  /**
   * Says that the node is in its session, and in none before it. Only once that is durable: an agent that comes back in
   * an older session after all would be trusted with what was started elsewhere.
   */
  sayBegun(out: Outputs): void {
    if (this.#session === this.#saidBegun || !this.#isWelcomed) return;
    this.#saidBegun = this.#session;
    const { node, agentIncarnation } = this.#config;
    const value = { node, agentIncarnation, session: this.#session };
    out.push({
      kind: "submit",
      key: SESSION_BEGUN_KEY,
      type: SESSION_BEGUN_KEY,
      payload: { kind: "sessionBegun", value },
    });
  }

  onSaidBegun(outcome: SubmitOutcome, nowMs: number, out: Outputs): void {
    if (outcome === "full") out.push({ kind: "timer", name: SAY_BEGUN_TIMER, atMs: nowMs + ASK_SOON_MS });
  }

  onSubmitted(outcome: SubmitOutcome, nowMs: number, out: Outputs): void {
    this.#isUnderWay = false;
    if (!this.#isAsking) return;
    this.#askAt(nowMs + (outcome === "stored" ? this.#pauseMs : ASK_SOON_MS), out);
  }

  onTimer(name: string, nowMs: number, out: Outputs): void {
    if (name === HEARTBEAT_TIMER) this.#beat(nowMs, out);
    else if (name === ASK_TIMER) this.#ask(out);
    else if (name === SAY_BEGUN_TIMER) {
      // Said again at the end of this step, if it still holds.
      this.#saidBegun = 0;
    }
  }

  get #pauseMs(): number {
    return Math.min(ASK_AGAIN_MS_MAX, ASK_AGAIN_MS_MIN * 2 ** Math.min(Math.max(0, this.#asks - 1), 8));
  }

  #beat(nowMs: number, out: Outputs): void {
    const { node, agentIncarnation, heartbeatMs } = this.#config;
    const heartbeat = { node, agentIncarnation, session: this.#session, seq: ++this.#seq };
    this.#right.sent(heartbeat.seq, nowMs);
    if (this.#right.isHeld) this.#asks = 0;
    for (const monitor of this.#monitors) out.push({ kind: "heartbeat", monitor, heartbeat });
    out.push({ kind: "timer", name: HEARTBEAT_TIMER, atMs: nowMs + heartbeatMs });
  }

  #askAt(atMs: number, out: Outputs): void {
    this.#isAsking = true;
    out.push({ kind: "timer", name: ASK_TIMER, atMs });
  }

  #ask(out: Outputs): void {
    this.#isAsking = true;
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#asks++;
    const { node, agentIncarnation, nodeKind: kind, roles } = this.#config;
    const inventory = this.#inventory();
    const value = { node, agentIncarnation, kind, roles, inventory, session: this.#session };
    out.push({ kind: "submit", key: NODE_UP_KEY, type: "node-up", payload: { kind: "nodeUp", value } });
    out.push({ kind: "timer", name: ASK_TIMER, atMs: undefined });
  }
}
