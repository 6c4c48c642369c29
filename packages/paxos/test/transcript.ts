import { type Ballot, type ConsensusOutput, compareBallots, formatBallot, type MemberId } from "@halon/consensus";
import { bytesOf, textOf } from "@halon/consensus/conformance";
import type { Paxos } from "@halon/paxos";
import { decodeMessage, decodeRecord, encodeMessage } from "../src/codec.ts";
import type { Entry, PaxosMessage, PaxosRecord } from "../src/message.ts";

/** `3.b` */
function ballotOf(text: string): Ballot {
  const [round = "", member = ""] = text.split(".");
  return { round: Number(round), member };
}

const entryText = ({ number, ballot, value }: Entry): string => `${number}:${formatBallot(ballot)}:${textOf(value)}`;

function entryOf(text: string): Entry {
  const [number = "", ballot = "", value = ""] = text.split(":");
  return { number: Number(number), ballot: ballotOf(ballot), value: bytesOf(value) };
}

const isBallot = (value: unknown): value is Ballot => typeof value === "object" && value !== null && "round" in value;

function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return textOf(value);
  if (isBallot(value)) return formatBallot(value);
  if (Array.isArray(value))
    return `[${value.map((item: Uint8Array | Entry) => (item instanceof Uint8Array ? textOf(item) : entryText(item))).join(",")}]`;
  return String(value);
}

/** One line: the kind, then each field as `name=value`. */
export const lineOf = ({ kind, ...fields }: PaxosMessage | PaxosRecord): string =>
  [kind, ...Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`)].join(" ");

/** The message that `lineOf` would write so. */
export function messageOf(line: string): PaxosMessage {
  const [kind, ...words] = line.split(" ");
  const fields = new Map(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
  const text = (name: string): string => fields.get(name) ?? "";
  const items = (name: string): string[] => text(name).replace(/[[\]]/g, "").split(",").filter(Boolean);
  const ballot = ballotOf(text("ballot"));
  const promised = ballotOf(text("promised"));
  const [from, number, chosen] = ["from", "number", "chosen"].map((name) => Number(text(name) || 0)) as [
    number,
    number,
    number,
  ];
  switch (kind) {
    case "prepare":
      return { kind, ballot, from };
    case "prepareOk":
      return { kind, ballot, chosen, entries: items("entries").map(entryOf), more: text("more") === "true" };
    case "prepareRefused":
    case "acceptRefused":
      return { kind, promised };
    case "accept":
      return { kind, ballot, number, value: bytesOf(text("value")), chosen };
    case "acceptOk":
      return { kind, ballot, number };
    case "heartbeat":
      return { kind, ballot, chosen };
    case "heartbeatOk":
      return { kind, ballot };
    case "learnRequest":
      return { kind, from };
    case "learnReply":
      return { kind, from, values: items("values").map(bytesOf), chosen };
    default:
      throw new Error(`no message: ${line}`);
  }
}

export const encoded = (message: PaxosMessage, group = "g", legislature = 1): Uint8Array =>
  encodeMessage({ group, legislature, message });

function outputLine(output: ConsensusOutput, nowMs: number): string {
  switch (output.kind) {
    case "send": {
      const when = output.afterPersist ? "when durable, " : "";
      return `${when}to ${output.to}: ${lineOf(decodeMessage(output.bytes).message)}`;
    }
    case "persist":
      return `persist ${lineOf(decodeRecord(output.record))}`;
    case "decided":
      return `decided ${output.number} ${textOf(output.value)}`;
    case "timer":
      return `timer ${output.name} ${output.atMs === undefined ? "off" : `+${output.atMs - nowMs}`}`;
    case "read":
      return `read #${output.token} seqs ${output.seqs.join(",")}`;
    case "proposed":
      return `proposed ${output.number}`;
    case "leader":
      return `leader ${output.leader ?? "-"}`;
    default:
      return output satisfies never;
  }
}

/** Steps a core by lines of text and tells in text what it wants done. */
export class Transcript {
  readonly core: Paxos;
  nowMs = 0;
  /** All records persisted so far, as a journal would hold them. */
  readonly records: Uint8Array[] = [];

  constructor(core: Paxos) {
    this.core = core;
  }

  /** A restart from `records`. */
  start(records: readonly Uint8Array[] = [], applied = 0): string {
    for (const record of records) this.core.step({ kind: "restore", record }, this.nowMs);
    this.records.push(...records);
    return this.#tell("start", this.core.step({ kind: "start", applied, random: 0 }, this.nowMs));
  }

  /** `b: prepare ballot=3.b from=1` is a message; `timer election`, `propose x`, `wait 300` are what they say. */
  run(script: string): string {
    const lines = script.split("\n").map((line) => line.trim());
    return lines
      .filter(Boolean)
      .map((line) => this.#line(line))
      .join("\n\n");
  }

  #line(line: string): string {
    const [word = "", rest = ""] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    if (word === "wait") {
      this.nowMs += Number(rest);
      return line;
    }
    if (word === "timer") return this.#tell(line, this.core.step({ kind: "timer", name: rest, random: 0 }, this.nowMs));
    if (word === "propose")
      return this.#tell(line, this.core.step({ kind: "propose", value: bytesOf(rest) }, this.nowMs));
    const from: MemberId = word.replace(":", "");
    const bytes = encoded(messageOf(rest));
    return this.#tell(line, this.core.step({ kind: "message", from, bytes }, this.nowMs));
  }

  #tell(line: string, outputs: readonly ConsensusOutput[]): string {
    for (const output of outputs) if (output.kind === "persist") this.records.push(output.record);
    return [line, "----", ...outputs.map((output) => outputLine(output, this.nowMs))].join("\n");
  }
}

/** The highest promise in a journal. */
export function promiseIn(records: readonly Uint8Array[]): Ballot {
  let highest: Ballot = { round: 0, member: "" };
  for (const bytes of records) {
    const record = decodeRecord(bytes);
    if (record.kind !== "learned" && compareBallots(record.ballot, highest) > 0) highest = record.ballot;
  }
  return highest;
}
