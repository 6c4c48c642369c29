import type { CommandReply, InstanceSpec, NodeCommand, Welcome } from "@halon/proto";
import type { Outputs } from "./agent-io.ts";
import type { ExclusiveRight } from "./exclusive-right.ts";
import type { Instances } from "./instances.ts";
import type { NodeSession } from "./node-session.ts";
import { faultOfSpec, faultOfWelcome } from "./spec-check.ts";

export interface CommandsConfig {
  readonly node: string;
  readonly agentIncarnation: string;
}

/** A command's answer, and what it waits for. */
export interface Answer {
  readonly outcome: string;
  readonly message: string;
  /** Answered once this holds; at once without it. */
  readonly isDue?: () => boolean;
}

const answer = (outcome: string, message = ""): Answer => ({ outcome, message });

/** The answer as it is sent. */
export const replyOf = ({ id }: NodeCommand, { outcome, message }: Answer): CommandReply => ({ id, outcome, message });

/**
 * Decides which of the coordinator's commands are obeyed: of the highest epoch and the highest generation per instance
 * only, and nothing but a welcome before the handshake of this life. Each has the same effect when it comes again.
 */
export class Commands {
  readonly #config: CommandsConfig;
  readonly #session: NodeSession;
  readonly #instances: Instances;
  readonly #right: ExclusiveRight;
  #epoch = 0;

  constructor(config: CommandsConfig, session: NodeSession, instances: Instances, right: ExclusiveRight) {
    this.#config = config;
    this.#session = session;
    this.#instances = instances;
    this.#right = right;
  }

  /** Highest epoch seen. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * True when nothing runs on the right of an earlier session. Only then may it be said that the present one has begun: from
   * then on it alone is judged.
   */
  get isSessionAlone(): boolean {
    if (this.#instances.isAnyExclusiveAlive("unwanted")) return false;
    return this.#right.isHeld || !this.#instances.isAnyExclusiveAlive("any");
  }

  /** Hears of an epoch: older coordinators are not obeyed any more. False for an old one. */
  admit(epoch: number): boolean {
    if (epoch < this.#epoch) return false;
    this.#epoch = epoch;
    return true;
  }

  obey(command: NodeCommand, nowMs: number, out: Outputs): Answer {
    const { node, epoch, session = 0, action } = command;
    if (node !== this.#config.node) return answer("refused", `this is node ${this.#config.node}, not ${node}`);
    if (!this.admit(epoch)) return answer("old-epoch", `epoch ${this.#epoch} has begun`);
    if (action === undefined) return answer("refused", "no action that this version knows");
    if (action.kind === "welcome") return this.#welcome(action.value, nowMs, out);
    const present = this.#session.session;
    if (!this.#session.isWelcomed) return answer("not-welcome", "this agent has just started and waits for a welcome");
    if (session > present) return answer("not-welcome", `it is meant for session ${session}, this is still ${present}`);
    if (session > 0 && session < present) return answer("stale", `it was meant for session ${session}, now ${present}`);
    if (action.kind === "start") return this.#start(action.value.spec, out);
    return this.#stop(action.value.instance, action.value.generation, out);
  }

  #welcome(welcome: Welcome, nowMs: number, out: Outputs): Answer {
    const { agentIncarnation, session, instances } = welcome;
    if (agentIncarnation !== this.#config.agentIncarnation)
      return answer("refused", `it is for agent ${agentIncarnation}, this is ${this.#config.agentIncarnation}`);
    const fault = faultOfWelcome(welcome);
    if (fault !== undefined) return answer("refused", fault);
    const kind = this.#session.onWelcome(welcome, nowMs, out);
    if (kind === "older") return answer("stale", `session ${this.#session.session} has begun`);
    if (kind !== "again") {
      const facts = { session, epoch: this.#epoch, monitors: welcome.monitors, instances: instances.length };
      out.push({ kind: "note", level: "info", text: `welcomed into session ${session}`, facts });
      this.#instances.stopOthers(new Set(instances.map(({ instance }) => instance)), out);
      for (const spec of instances) {
        const age = this.#ageOf(spec.instance, spec.generation);
        const isStopped = this.#instances.get(spec.instance)?.wanted === false;
        if (age > 0 || (age === 0 && isStopped)) this.#instances.start(spec, out);
      }
    }
    return { ...answer("done"), isDue: () => this.isSessionAlone };
  }

  /** Above 0: newer than what is known; 0: the same. */
  #ageOf(instance: string, generation: number): number {
    return generation - (this.#instances.get(instance)?.spec.generation ?? 0);
  }

  #start(spec: InstanceSpec | undefined, out: Outputs): Answer {
    const fault = spec === undefined ? "no specification given" : faultOfSpec(spec);
    if (spec === undefined || fault !== undefined) return answer("refused", fault);
    const { instance, generation } = spec;
    const age = this.#ageOf(instance, generation);
    if (age < 0) return answer("stale", `generation ${generation - age} of ${instance} is known`);
    if (age === 0) return answer("done", `generation ${generation} was started already`);
    if (this.#instances.get(instance) === undefined && this.#instances.isFull)
      return answer("refused", "this node runs as many instances as it can");
    const isRestart = this.#instances.get(instance)?.isAlive === true;
    this.#instances.start(spec, out);
    return answer("done", isRestart ? "restarted" : "started");
  }

  #stop(instance: string, generation: number, out: Outputs): Answer {
    const known = this.#instances.get(instance);
    const age = this.#ageOf(instance, generation);
    if (age < 0) return answer("stale", `generation ${generation - age} of ${instance} is known`);
    if (known === undefined) {
      this.#instances.rememberStopped(instance, generation, out);
      return answer("done", `${instance} was not running`);
    }
    if (!this.#instances.stop(known, generation, out)) return answer("done", `${instance} was not running`);
    // Of an exclusive one, `done` says that nothing of it is left.
    const isDue = (): boolean => !known.spec.exclusive || known.wanted || !known.isAlive;
    return { ...answer("done", "stopped"), isDue };
  }
}
