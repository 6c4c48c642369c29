import type { Ballot } from "@halon/consensus";
import { halon } from "./gen/paxos.js";
import type { Entry, PaxosMessage, PaxosRecord } from "./message.ts";

const wire = halon.paxos.v1;
type Wire = halon.paxos.v1.Message;

/** Bytes that are no message or record of ours. `message` says where it ends to make sense. */
export class PaxosCodecError extends Error {
  override readonly name = "PaxosCodecError";
}

export interface Addressed {
  readonly group: string;
  readonly legislature: number;
  readonly message: PaxosMessage;
}

type Long = NonNullable<halon.paxos.v1.IBallot["round"]>;

/** The generated types ask for Long; its encoder takes any safe integer. */
const toWire = (value: number): Long => value as unknown as Long;

function fromWire(value: Long | null | undefined, field: string): number {
  // A plain number for a field that is absent. What is above 2^53 is no safe integer when rounded, either.
  const number = typeof value === "object" ? (value?.toNumber() ?? 0) : Number(value ?? 0);
  if (!Number.isSafeInteger(number)) throw new PaxosCodecError(`${field} is ${String(value)}: above 2^53`);
  return number;
}

const NO_BYTES = new Uint8Array(0);
const ballotToWire = (ballot: Ballot) => ({ round: toWire(ballot.round), member: ballot.member });

function ballotFromWire(ballot: halon.paxos.v1.IBallot | null | undefined, field: string): Ballot {
  if (!ballot) throw new PaxosCodecError(`${field} is missing`);
  return { round: fromWire(ballot.round, `${field}.round`), member: ballot.member ?? "" };
}

const entryFromWire = (entry: halon.paxos.v1.IEntry): Entry => ({
  number: fromWire(entry.number, "entry.number"),
  ballot: ballotFromWire(entry.ballot, "entry.ballot"),
  value: entry.value ?? NO_BYTES,
});

function bodyToWire(message: PaxosMessage): Partial<halon.paxos.v1.IMessage> {
  switch (message.kind) {
    case "prepare":
      return { prepare: { ballot: ballotToWire(message.ballot), from: toWire(message.from) } };
    case "prepareOk": {
      const entries = message.entries.map((entry) => ({
        number: toWire(entry.number),
        ballot: ballotToWire(entry.ballot),
        value: entry.value,
      }));
      const { ballot, chosen, more } = message;
      return { prepareOk: { ballot: ballotToWire(ballot), chosen: toWire(chosen), entries, more } };
    }
    case "prepareRefused":
      return { prepareRefused: { promised: ballotToWire(message.promised) } };
    case "accept": {
      const { ballot, number, value, chosen } = message;
      return { accept: { ballot: ballotToWire(ballot), number: toWire(number), value, chosen: toWire(chosen) } };
    }
    case "acceptOk":
      return { acceptOk: { ballot: ballotToWire(message.ballot), number: toWire(message.number) } };
    case "acceptRefused":
      return { acceptRefused: { promised: ballotToWire(message.promised) } };
    case "heartbeat":
      return { heartbeat: { ballot: ballotToWire(message.ballot), chosen: toWire(message.chosen) } };
    case "heartbeatOk":
      return { heartbeatOk: { ballot: ballotToWire(message.ballot) } };
    case "learnRequest":
      return { learnRequest: { from: toWire(message.from) } };
    case "learnReply":
      return {
        learnReply: { from: toWire(message.from), values: [...message.values], chosen: toWire(message.chosen) },
      };
    default:
      return message satisfies never;
  }
}

function bodyFromWire(decoded: Wire): PaxosMessage {
  const { prepare, prepareOk, prepareRefused, accept, acceptOk, acceptRefused } = decoded;
  const { heartbeat, heartbeatOk, learnRequest, learnReply } = decoded;
  if (accept)
    return {
      kind: "accept",
      ballot: ballotFromWire(accept.ballot, "accept.ballot"),
      number: fromWire(accept.number, "accept.number"),
      value: accept.value ?? NO_BYTES,
      chosen: fromWire(accept.chosen, "accept.chosen"),
    };
  if (acceptOk)
    return {
      kind: "acceptOk",
      ballot: ballotFromWire(acceptOk.ballot, "acceptOk.ballot"),
      number: fromWire(acceptOk.number, "acceptOk.number"),
    };
  if (heartbeat)
    return {
      kind: "heartbeat",
      ballot: ballotFromWire(heartbeat.ballot, "heartbeat.ballot"),
      chosen: fromWire(heartbeat.chosen, "heartbeat.chosen"),
    };
  if (heartbeatOk) return { kind: "heartbeatOk", ballot: ballotFromWire(heartbeatOk.ballot, "heartbeatOk.ballot") };
  if (prepare)
    return {
      kind: "prepare",
      ballot: ballotFromWire(prepare.ballot, "prepare.ballot"),
      from: fromWire(prepare.from, "prepare.from"),
    };
  if (prepareOk)
    return {
      kind: "prepareOk",
      ballot: ballotFromWire(prepareOk.ballot, "prepareOk.ballot"),
      chosen: fromWire(prepareOk.chosen, "prepareOk.chosen"),
      entries: (prepareOk.entries ?? []).map(entryFromWire),
      more: prepareOk.more ?? false,
    };
  if (prepareRefused)
    return { kind: "prepareRefused", promised: ballotFromWire(prepareRefused.promised, "prepareRefused.promised") };
  if (acceptRefused)
    return { kind: "acceptRefused", promised: ballotFromWire(acceptRefused.promised, "acceptRefused.promised") };
  if (learnRequest) return { kind: "learnRequest", from: fromWire(learnRequest.from, "learnRequest.from") };
  if (learnReply)
    return {
      kind: "learnReply",
      from: fromWire(learnReply.from, "learnReply.from"),
      values: learnReply.values ?? [],
      chosen: fromWire(learnReply.chosen, "learnReply.chosen"),
    };
  throw new PaxosCodecError("message without a body that this version knows");
}

const decodeWith = <T>(what: string, decode: () => T): T => {
  try {
    return decode();
  } catch (cause) {
    throw new PaxosCodecError(`undecodable ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
};

export const encodeMessage = ({ group, legislature, message }: Addressed): Uint8Array =>
  wire.Message.encode({ group, legislature: toWire(legislature), ...bodyToWire(message) }).finish();

/** Values in the result are views on `bytes`. Throws {@link PaxosCodecError}. */
export function decodeMessage(bytes: Uint8Array): Addressed {
  const decoded = decodeWith("message", () => wire.Message.decode(bytes)) as Wire;
  return {
    group: decoded.group,
    legislature: fromWire(decoded.legislature, "legislature"),
    message: bodyFromWire(decoded),
  };
}

export function encodeRecord(record: PaxosRecord): Uint8Array {
  switch (record.kind) {
    case "promised":
      return wire.Record.encode({ promised: { ballot: ballotToWire(record.ballot) } }).finish();
    case "accepted": {
      const { ballot, number, value, chosen } = record;
      const accepted = { ballot: ballotToWire(ballot), number: toWire(number), value, chosen: toWire(chosen) };
      return wire.Record.encode({ accepted }).finish();
    }
    case "learned":
      return wire.Record.encode({ learned: { number: toWire(record.number), value: record.value } }).finish();
    default:
      return record satisfies never;
  }
}

/** Throws {@link PaxosCodecError}. */
export function decodeRecord(bytes: Uint8Array): PaxosRecord {
  const { promised, accepted, learned } = decodeWith("record", () => wire.Record.decode(bytes));
  if (accepted)
    return {
      kind: "accepted",
      ballot: ballotFromWire(accepted.ballot, "accepted.ballot"),
      number: fromWire(accepted.number, "accepted.number"),
      value: accepted.value ?? NO_BYTES,
      chosen: fromWire(accepted.chosen, "accepted.chosen"),
    };
  if (promised) return { kind: "promised", ballot: ballotFromWire(promised.ballot, "promised.ballot") };
  if (learned)
    return { kind: "learned", number: fromWire(learned.number, "learned.number"), value: learned.value ?? NO_BYTES };
  throw new PaxosCodecError("record without a body that this version knows");
}
