import type { InstanceSpec } from "@halon/proto";
import { assert, type Core } from "@halon/runtime";
import { Activation, COORDINATOR_KEY, type CoordinatorConfig } from "./activation.ts";
import type { AgentInput, AgentOutput, Outputs } from "./agent-io.ts";
import { type AgentState, NO_STATE } from "./agent-state.ts";
import { Answers } from "./answers.ts";
import { Commands, replyOf } from "./commands.ts";
import { ExclusiveRight } from "./exclusive-right.ts";
import { InstanceReports } from "./instance-reports.ts";
import { Instances } from "./instances.ts";
import { NODE_UP_KEY, NodeSession, SESSION_BEGUN_KEY, type SessionConfig } from "./node-session.ts";

export interface AgentCoreConfig extends SessionConfig {
  /** The node's own services, kept running without a coordinator. */
  readonly own: readonly InstanceSpec[];
  readonly coordinator: CoordinatorConfig;
  readonly stopGraceMs: number;
}

const RIGHT_TIMER = "right";

/** One node's agent; sans-IO. Begin with a `begin` input. */
export class AgentCore implements Core<AgentInput, AgentOutput> {
  readonly #right: ExclusiveRight;
  readonly #reports: InstanceReports;
  readonly #instances: Instances;
  readonly #session: NodeSession;
  readonly #commands: Commands;
  readonly #activation: Activation;
  readonly #answers = new Answers();
  #hasBegun = false;
  #isClosing = false;
  #hasChanged = false;
  #runs = 0;
  /** Invariant: savedVersion <= version. */
  #version = 0;
  #savedVersion = 0;
  /** Deadline and session that the guards were told last, and whether starting was allowed. */
  #toldRight = "";
  #rightDueMs: number | undefined;

  constructor(config: AgentCoreConfig, right: ExclusiveRight = new ExclusiveRight()) {
    const runs = { next: () => ++this.#runs };
    this.#right = right;
    this.#reports = new InstanceReports(config.node);
    const { stopGraceMs } = config;
    this.#instances = new Instances({ runs, stopGraceMs, right, reports: this.#reports, own: config.own });
    this.#session = new NodeSession(config, right, () => this.#instances.inventory);
    this.#commands = new Commands(config, this.#session, this.#instances, right);
    this.#activation = new Activation(config.coordinator, runs);
  }

  /** For health answers and tests. */
  get status() {
    return {
      session: this.#session.session,
      epoch: this.#commands.epoch,
      activated: this.#activation.epoch,
      isWelcomed: this.#session.isWelcomed,
      rightUntilMs: this.#right.isHeld ? this.#right.grant?.deadlineMs : undefined,
      instances: this.#instances.states,
      own: this.#instances.ownStates,
      reports: this.#reports.counters,
      answersDropped: this.#answers.dropped,
    };
  }

  step(input: AgentInput, nowMs: number): readonly AgentOutput[] {
    assert(this.#hasBegun === (input.kind !== "begin"), `input ${input.kind}, begun: ${this.#hasBegun}`);
    const out: Outputs = [];
    this.#expire(nowMs, out);
    this.#take(input, nowMs, out);
    this.#settle(out);
    return out;
  }

  #take(input: AgentInput, nowMs: number, out: Outputs): void {
    switch (input.kind) {
      case "begin":
        return this.#onBegin(input, nowMs, out);
      case "command":
        return this.#onCommand(input, nowMs, out);
      case "activate":
        return this.#onActivate(input, out);
      case "ack":
        return this.#session.onAck(input.ack, nowMs);
      case "notice":
        if (this.#activation.onNotice(input.notice, out)) this.#hasChanged = true;
        else this.#instances.onNotice(input.notice, nowMs, out);
        return;
      case "submitted":
        if (input.key === NODE_UP_KEY) this.#session.onSubmitted(input.outcome, nowMs, out);
        else if (input.key === SESSION_BEGUN_KEY) this.#session.onSaidBegun(input.outcome, nowMs, out);
        else this.#reports.onSubmitted(input.key, input.outcome, nowMs, out);
        return;
      case "saved":
        assert(input.version <= this.#version, `version ${input.version} saved, but ${this.#version} is the newest`);
        this.#savedVersion = Math.max(this.#savedVersion, input.version);
        return;
      case "shutdown":
        this.#isClosing = true;
        this.#instances.shutdown(out);
        this.#activation.shutdown(out);
        return;
      case "timer":
        this.#session.onTimer(input.name, nowMs, out);
        this.#reports.onTimer(input.name, out);
        this.#instances.onTimer(input.name, out);
        return;
      default:
        return input satisfies never;
    }
  }

  #onBegin(input: AgentInput & { kind: "begin" }, nowMs: number, out: Outputs): void {
    this.#hasBegun = true;
    const stored = input.stored ?? NO_STATE;
    const grants = input.survivors.flatMap(({ grant }) => (grant === undefined ? [] : [grant]));
    const [newest] = grants.filter(({ deadlineMs }) => deadlineMs > nowMs).sort((a, b) => b.deadlineMs - a.deadlineMs);
    this.#right.resume(stored.session, stored.monitors, stored.needed, newest);
    this.#commands.admit(stored.epoch);
    const coordinator = input.survivors.find(({ key }) => key === COORDINATOR_KEY);
    this.#activation.begin(stored.activated, coordinator, out);
    const others = input.survivors.filter((survivor) => survivor !== coordinator);
    this.#instances.begin(stored.instances, others, nowMs, out);
    this.#session.begin(stored, input.seqBase, nowMs, out);
    this.#hasChanged = true;
  }

  #onCommand({ token, command }: AgentInput & { kind: "command" }, nowMs: number, out: Outputs): void {
    if (this.#isClosing) {
      out.push({ kind: "unanswered", token });
      return;
    }
    const before = this.#commands.epoch;
    const answer = this.#commands.obey(command, nowMs, out);
    if (this.#commands.epoch > before || command.action?.kind === "welcome") this.#hasChanged = true;
    this.#answers.add(token, { kind: "reply", token, reply: replyOf(command, answer) }, answer.isDue);
  }

  #onActivate({ token, activate }: AgentInput & { kind: "activate" }, out: Outputs): void {
    const isOld = !this.#commands.admit(activate.epoch);
    const message = `epoch ${this.#commands.epoch} has begun`;
    const reply = isOld ? { outcome: "refused", message } : this.#activation.activate(activate, out);
    this.#hasChanged = true;
    const { epoch } = activate;
    if (reply === "resident") this.#answers.add(token, { kind: "activateResident", token, epoch });
    else this.#answers.add(token, { kind: "activated", token, reply });
  }

  /** Before anything else: what comes in after a deadline changes nothing about its having passed. */
  #expire(nowMs: number, out: Outputs): void {
    const { lapsed, closed } = this.#right.expire(nowMs);
    const facts = { session: this.#session.session };
    if (lapsed)
      out.push({ kind: "note", level: "warn", text: "the right to run exclusive instances has lapsed", facts });
    if (closed && !this.#isClosing) this.#session.onClosed(nowMs, out);
  }

  #settle(out: Outputs): void {
    const { grant, isHeld, dueMs } = this.#right;
    const toldRight = `${grant?.session}/${grant?.deadlineMs}/${isHeld}`;
    if (toldRight !== this.#toldRight && !this.#isClosing) this.#instances.onGrant(out);
    this.#toldRight = toldRight;
    if (dueMs !== this.#rightDueMs) out.push({ kind: "timer", name: RIGHT_TIMER, atMs: dueMs });
    this.#rightDueMs = dueMs;
    if (this.#instances.takeChanged() || this.#hasChanged) {
      this.#hasChanged = false;
      out.push({ kind: "save", version: ++this.#version, state: this.#state });
    }
    this.#answers.settle(this.#version, this.#savedVersion, out);
    const isDurable = this.#savedVersion === this.#version;
    if (isDurable && this.#commands.isSessionAlone && !this.#isClosing) this.#session.sayBegun(out);
    if (this.#isClosing && !this.#instances.isAnyAlive && !this.#activation.isAlive) out.push({ kind: "idle" });
  }

  get #state(): AgentState {
    const coordinator = this.#activation.process;
    const processes = [...this.#instances.processes, ...(coordinator === undefined ? [] : [coordinator])];
    const { epoch: activated } = this.#activation;
    const { records: instances } = this.#instances;
    return { epoch: this.#commands.epoch, activated, ...this.#session.stored, instances, processes };
  }
}
