import {
  BALLOT_ZERO,
  type Ballot,
  type ConsensusInput,
  type ConsensusOutput,
  compareBallots,
  createMembership,
  type MemberId,
} from "@halon/consensus";
import { bytesOf, textOf } from "@halon/consensus/conformance";
import { Paxos, type PaxosConfig } from "@halon/paxos";
import { decodeMessage, decodeRecord, encodeMessage } from "../src/codec.ts";
import type { PaxosMessage } from "../src/message.ts";
import { bootOf, lineOf, membershipOf, membershipText, messageOf } from "./lines.ts";

/** As somebody in their first life would send it. */
export const encoded = (message: PaxosMessage, group = "g", legislature = 1, boot = bootOf(1)): Uint8Array =>
  encodeMessage({ group, legislature, boot, message });

/** ` in 2`, when it was not said in the first legislature. */
function sentText(to: MemberId, bytes: Uint8Array): string {
  const { legislature, message } = decodeMessage(bytes);
  return `to ${to}${legislature === 1 ? "" : ` in ${legislature}`}: ${lineOf(message)}`;
}

function outputLine(output: ConsensusOutput, nowMs: number): string {
  switch (output.kind) {
    case "send":
      return `${output.afterPersist ? "when durable, " : ""}${sentText(output.to, output.bytes)}`;
    case "persist":
      return `persist ${lineOf(decodeRecord(output.record))}`;
    case "decided": {
      const { membership } = output;
      return `decided ${output.number} ${membership ? `stop, then ${membershipText(membership)}` : textOf(output.value)}`;
    }
    case "timer":
      return `timer ${output.name} ${output.atMs === undefined ? "off" : `+${Math.round(output.atMs - nowMs)}`}`;
    case "read":
      return `read #${output.token} seqs ${output.seqs.join(",")}`;
    case "proposed":
      return `proposed ${output.number}`;
    case "leader":
      return `leader ${output.leader ?? "-"}`;
    case "confirmed":
      return `confirmed #${output.token} up to ${output.number}`;
    case "unconfirmed":
      return `unconfirmed #${output.token}`;
    case "trimmed":
      return `when durable, trim journal before ${output.beforeSeq}`;
    case "behind":
      return `behind, ask ${output.from}`;
    default:
      return output satisfies never;
  }
}

/** What is left of a journal. */
export interface Found {
  readonly firstSeq: number;
  readonly records: readonly Uint8Array[];
}

/** Steps a core by lines of text and tells in text what it wants done. */
export class Transcript {
  readonly self: MemberId;
  readonly core: Paxos;
  nowMs: number;
  #firstSeq = 1;
  #records: Uint8Array[] = [];
  readonly #asked = new Map<number, readonly number[]>();

  constructor(config: PaxosConfig, nowMs = 0) {
    this.self = config.self;
    this.core = new Paxos(config);
    this.nowMs = nowMs;
  }

  /** All records persisted so far and not trimmed, as if all were durable. */
  get journal(): Found {
    return { firstSeq: this.#firstSeq, records: [...this.#records] };
  }

  restore({ firstSeq, records }: Found): void {
    this.#firstSeq = firstSeq;
    this.#records = [...records];
    for (const [at, record] of records.entries())
      this.core.step({ kind: "restore", record, seq: firstSeq + at }, this.nowMs);
  }

  found(members: readonly MemberId[]): string {
    return this.#tell("found", { kind: "found", membership: createMembership(members) });
  }

  /** Counted from 1, as the journal has it. */
  get life(): number {
    const boots = this.#records
      .map((bytes) => decodeRecord(bytes))
      .flatMap((record) => ("boot" in record ? [record.boot] : []));
    return Math.floor(Math.max(0, ...boots) / bootOf(1));
  }

  /** The disk is fast: what `self` hears of its new life arrives at once. */
  start(applied = 0, random = 0): string {
    const outputs = this.core.step({ kind: "start", applied, random }, this.nowMs);
    const told = this.#take("start", outputs);
    for (const output of outputs)
      if (output.kind === "send" && output.to === this.self)
        this.core.step({ kind: "message", from: this.self, bytes: output.bytes }, this.nowMs);
    return told;
  }

  /** These have just begun their first life, with nothing: their votes count. */
  greet(...members: readonly MemberId[]): void {
    for (const member of members) this.run(`${member}: hello`);
  }

  /**
   * `b: prepare ballot=3.b from=1` is a message of `b` in its first life, in the legislature that the core is in; `b/2` is
   * in the second, `b*3` in its third life. `timer election`, `propose x`, `reconfigure a+b`, `confirm 7`, `trim 3`,
   * `install 3 2:a+b`, `records 1`, `wait 300` are what they say.
   */
  run(script: string): string {
    const lines = script.split("\n").map((line) => line.trim());
    return lines
      .filter(Boolean)
      .map((line) => this.#line(line))
      .join("\n\n");
  }

  /** The timer comes in, and this is drawn. */
  timer(name: string, random: number): string {
    return this.#tell(`timer ${name}`, { kind: "timer", name, random });
  }

  #line(line: string): string {
    const space = line.indexOf(" ");
    const [word, rest] = [line.slice(0, space), line.slice(space + 1)];
    if (word === "wait") {
      this.nowMs += Number(rest);
      return line;
    }
    return this.#tell(line, this.#inputOf(word, rest));
  }

  #inputOf(word: string, rest: string): ConsensusInput {
    switch (word) {
      case "timer":
        return { kind: "timer", name: rest, random: 0 };
      case "propose":
        return { kind: "propose", value: bytesOf(rest) };
      case "reconfigure":
        return { kind: "reconfigure", members: rest.split("+") };
      case "confirm":
        return { kind: "confirm", token: Number(rest) };
      case "trim":
        return { kind: "trim", through: Number(rest) };
      case "install": {
        const [number = "", membership = ""] = rest.split(" ");
        return { kind: "install", number: Number(number), membership: membershipOf(membership) };
      }
      case "records": {
        const seqs = this.#asked.get(Number(rest)) ?? [];
        const records = seqs.map((seq) => this.#records[seq - this.#firstSeq] as Uint8Array);
        return { kind: "records", token: Number(rest), records };
      }
      default:
        return this.#messageOf(word, rest);
    }
  }

  #messageOf(word: string, rest: string): ConsensusInput {
    const [, from = "", legislature = "", life = "1", draw = "0"] =
      /^([^/*:]+)(?:\/(\d+))?(?:\*(\d+)(?:#(\d+))?)?:$/.exec(word) ?? [];
    const said = legislature === "" ? (this.core.status.membership?.legislature ?? 0) : Number(legislature);
    const bytes = encoded(messageOf(rest), "g", said, bootOf(Number(life), Number(draw)));
    return { kind: "message", from, bytes };
  }

  #tell(line: string, input: ConsensusInput): string {
    return this.#take(line, this.core.step(input, this.nowMs));
  }

  #take(line: string, outputs: readonly ConsensusOutput[]): string {
    for (const output of outputs)
      if (output.kind === "persist") this.#records.push(output.record);
      else if (output.kind === "read") this.#asked.set(output.token, output.seqs);
      else if (output.kind === "trimmed") this.#trim(output.beforeSeq);
    return [line, "----", ...outputs.map((output) => outputLine(output, this.nowMs))].join("\n");
  }

  #trim(beforeSeq: number): void {
    this.#records = this.#records.slice(beforeSeq - this.#firstSeq);
    this.#firstSeq = beforeSeq;
  }
}

/** The highest promise in a journal. */
export function promiseIn(records: readonly Uint8Array[]): Ballot {
  let highest: Ballot = BALLOT_ZERO;
  for (const bytes of records) {
    const record = decodeRecord(bytes);
    const promised = "ballot" in record ? record.ballot : "promised" in record ? record.promised : BALLOT_ZERO;
    if (compareBallots(promised, highest) > 0) highest = promised;
  }
  return highest;
}
