import {
  type Consensus,
  type ConsensusInput,
  type ConsensusOutput,
  type ConsensusStatus,
  createMembership,
} from "@halon/consensus";
import { type LogConfig, type LogInput, type Outcome, ReplicatedLog } from "@halon/replicated-log";
import { decodeDecree } from "../src/codec.ts";
import { command, say } from "./commands.ts";
import { bytes, text } from "./map-store.ts";

type Proposal = ConsensusInput & { readonly kind: "propose" | "reconfigure" };

const STATUS: ConsensusStatus = {
  role: "follower",
  leader: undefined,
  membership: createMembership(["a", "b", "c"]),
  ballot: "0.-",
  chosen: 0,
  knownChosen: 0,
  trimmed: 0,
  inFlight: 0,
  leased: false,
  progress: new Map(),
  refused: 0,
  disowned: new Map(),
};

/** Does what the test says: what a protocol would have found out comes in as `next`. */
class ScriptedConsensus implements Consensus {
  status = STATUS;
  readonly proposed: { readonly number: number; readonly proposal: Proposal }[] = [];
  readonly confirming: number[] = [];
  window = 2;
  /** A reconfiguration is decided, and the next legislature has yet to elect its leader. */
  isBetween = false;
  next: ConsensusOutput[] = [];
  #number = 0;

  get canPropose(): boolean {
    const isStopped = this.proposed.some(({ proposal }) => proposal.kind === "reconfigure");
    return this.status.leader === "a" && !this.isBetween && !isStopped && this.proposed.length < this.window;
  }

  step(input: ConsensusInput): readonly ConsensusOutput[] {
    if (input.kind === "confirm") {
      this.confirming.push(input.token);
      return this.status.leased ? [this.confirmed(this.status.chosen)] : [];
    }
    if (input.kind !== "propose" && input.kind !== "reconfigure") return this.next.splice(0);
    this.proposed.push({ number: ++this.#number, proposal: input });
    return [{ kind: "proposed", number: this.#number }];
  }

  /** The oldest confirmation comes. */
  confirmed(number: number): ConsensusOutput {
    const token = this.confirming.shift();
    if (token === undefined) throw new Error("nothing is to be confirmed");
    return { kind: "confirmed", token, number };
  }

  /** The oldest proposal is decided. */
  decided(): ConsensusOutput & { kind: "decided" } {
    const first = this.proposed.shift();
    if (first === undefined) throw new Error("nothing was proposed");
    const { number, proposal } = first;
    this.status = { ...this.status, chosen: number };
    if (proposal.kind === "propose") return { kind: "decided", number, value: proposal.value };
    const membership = createMembership(proposal.members, (this.status.membership?.legislature ?? 0) + 1);
    this.status = { ...this.status, membership };
    this.isBetween = true;
    return { kind: "decided", number, value: new Uint8Array(0), membership };
  }
}

/** Steps a log by hand; says what it wants done in words. */
export class Bench {
  readonly consensus = new ScriptedConsensus();
  readonly log: ReplicatedLog;
  nowMs = 1_000;

  constructor(config: Partial<LogConfig> = {}) {
    this.log = new ReplicatedLog(this.consensus, { self: "a", ...config });
  }

  input(input: LogInput): string[] {
    return this.log.step(input, this.nowMs).map((output) => {
      if (output.kind === "apply") {
        const { inForce } = output.decree;
        const payloads = output.decree.commands.map((each) => text(each.payload)).join(",");
        const votes = (output.membership ?? inForce)?.members.join("+");
        return `apply ${output.number} ${output.membership === undefined ? `+${output.decree.elapsedMs} ${payloads}` : "reconfigures"}${votes === undefined ? "" : ` [${votes}]`}`;
      }
      if (output.kind === "reply") return `reply ${output.token} ${output.outcomes.map(say).join(",")}`;
      if (output.kind === "query")
        return `query ${output.token} ${output.payloads.map((each) => text(each)).join(",")}`;
      return output.kind === "leader" ? `leader ${output.leader ?? "-"}` : output.kind;
    });
  }

  /** The consensus finds something out. */
  hear(...outputs: ConsensusOutput[]): string[] {
    this.consensus.next = outputs;
    return this.input({ kind: "timer", name: "any", random: 0 });
  }

  lead(leader: string | undefined, role: ConsensusStatus["role"] = leader === "a" ? "leader" : "follower"): string[] {
    this.consensus.status = { ...this.consensus.status, leader, role };
    this.consensus.isBetween = false;
    return this.hear({ kind: "leader", leader });
  }

  /** Leads, and its first decree, number 1, is applied. */
  reign(): void {
    this.lead("a");
    const { number } = this.consensus.decided();
    this.hear({ kind: "decided", number, value: new Uint8Array(0) });
    this.applied(number);
  }

  submit(token: number, ...payloads: readonly string[]): string[] {
    return this.input({ kind: "submit", token, commands: payloads.map((payload) => command("idempotent", payload)) });
  }

  read(token: number, ...payloads: readonly string[]): string[] {
    return this.input({ kind: "submit", token, commands: payloads.map((payload) => command("read", payload)) });
  }

  /** The oldest proposal is decided. */
  decide(): string[] {
    return this.hear(this.consensus.decided());
  }

  applied(number: number, ...results: readonly string[]): string[] {
    return this.input({ kind: "applied", number, outcomes: results.map(result) });
  }

  queried(token: number, ...results: readonly string[]): string[] {
    return this.input({ kind: "queried", token, outcomes: results.map(result) });
  }

  /** The oldest proposal, a reconfiguration, is decided: its legislature ends, as a protocol tells it. */
  endLegislature(): string[] {
    const decided = this.consensus.decided();
    const role = decided.membership?.members.includes("a") === true ? "follower" : "learner";
    this.consensus.status = { ...this.consensus.status, leader: undefined, role };
    return this.hear({ kind: "leader", leader: undefined }, decided);
  }

  get decrees(): string[] {
    return this.consensus.proposed.map(({ proposal }) => {
      if (proposal.kind === "reconfigure") return `[${proposal.members.join("+")}]`;
      const { elapsedMs, commands } = decodeDecree(proposal.value);
      return `+${elapsedMs} ${commands.map(({ payload }) => text(payload)).join(",")}`;
    });
  }
}

const result = (value: string): Outcome => ({ kind: "result", result: bytes(value) });
