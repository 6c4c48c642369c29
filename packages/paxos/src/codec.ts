import { PaxosCodecError } from "./codec-error.ts";
import { halon } from "./gen/paxos.js";
import type { Entry, PaxosMessage } from "./message.ts";
import {
  ballotFromWire,
  ballotToWire,
  contentFromWire,
  contentToWire,
  decodeWith,
  fromWire,
  toWire,
  writerFor,
} from "./wire.ts";

export { decodeRecord, encodeRecord } from "./record-codec.ts";

const wire = halon.paxos.v1;
/** Of a lease whose span is not told: versions before this one all had that. */
const LEASE_MS_UNSAID = 500;
type Wire = halon.paxos.v1.Message;

/** A message and what it is to be judged by before it is taken. */
export interface Addressed {
  readonly group: string;
  /** Of the sender; 0 when it does not know any. */
  readonly legislature: number;
  /** Names the life of the sender. */
  readonly boot: number;
  readonly message: PaxosMessage;
}

const entryToWire = (entry: Entry): halon.paxos.v1.IEntry => ({
  number: toWire(entry.number),
  ballot: ballotToWire(entry.ballot),
  ...contentToWire(entry),
});

const entryFromWire = (entry: halon.paxos.v1.IEntry): Entry => ({
  number: fromWire(entry.number, "entry.number"),
  ballot: ballotFromWire(entry.ballot, "entry.ballot"),
  ...contentFromWire(entry),
});

function bodyToWire(message: PaxosMessage): Partial<halon.paxos.v1.IMessage> {
  switch (message.kind) {
    case "probe":
      return { probe: { chosen: toWire(message.chosen) } };
    case "probeOk":
      return { probeOk: { promised: ballotToWire(message.promised) } };
    case "prepare":
      return { prepare: { ballot: ballotToWire(message.ballot), from: toWire(message.from) } };
    case "prepareOk": {
      const { ballot, chosen, entries, more } = message;
      return {
        prepareOk: { ballot: ballotToWire(ballot), chosen: toWire(chosen), entries: entries.map(entryToWire), more },
      };
    }
    case "refused":
      return { refused: { promised: ballotToWire(message.promised) } };
    case "accept": {
      const { ballot, number, chosen } = message;
      const at = { ballot: ballotToWire(ballot), number: toWire(number), chosen: toWire(chosen) };
      return { accept: { ...at, ...contentToWire(message) } };
    }
    case "acceptOk":
      return { acceptOk: { ballot: ballotToWire(message.ballot), number: toWire(message.number) } };
    case "heartbeat": {
      const { ballot, chosen, round, leaseMs } = message;
      return { heartbeat: { ballot: ballotToWire(ballot), chosen: toWire(chosen), round: toWire(round), leaseMs } };
    }
    case "heartbeatOk": {
      const { ballot, round, granted, chosen } = message;
      return { heartbeatOk: { ballot: ballotToWire(ballot), round: toWire(round), granted, chosen: toWire(chosen) } };
    }
    case "learnRequest":
      return { learnRequest: { from: toWire(message.from) } };
    case "learnReply": {
      const { from, values, chosen, more } = message;
      return { learnReply: { from: toWire(from), values: values.map(contentToWire), chosen: toWire(chosen), more } };
    }
    case "learnTrimmed":
      return { learnTrimmed: { trimmed: toWire(message.trimmed), chosen: toWire(message.chosen) } };
    case "hello": {
      const { promised, accepted, chosen, ask } = message;
      return {
        hello: { promised: ballotToWire(promised), accepted: toWire(accepted), chosen: toWire(chosen), ask },
      };
    }
    case "disowned":
      return { disowned: { why: message.why } };
    default:
      return message satisfies never;
  }
}

/** The messages of a healthy reign first: these are many. */
function bodyFromWire(decoded: Wire): PaxosMessage {
  const { accept, acceptOk, heartbeat, heartbeatOk } = decoded;
  if (accept)
    return {
      kind: "accept",
      ballot: ballotFromWire(accept.ballot, "accept.ballot"),
      number: fromWire(accept.number, "accept.number"),
      chosen: fromWire(accept.chosen, "accept.chosen"),
      ...contentFromWire(accept),
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
      round: fromWire(heartbeat.round, "heartbeat.round"),
      leaseMs: heartbeat.leaseMs || LEASE_MS_UNSAID,
    };
  if (heartbeatOk)
    return {
      kind: "heartbeatOk",
      ballot: ballotFromWire(heartbeatOk.ballot, "heartbeatOk.ballot"),
      round: fromWire(heartbeatOk.round, "heartbeatOk.round"),
      granted: heartbeatOk.granted ?? false,
      chosen: fromWire(heartbeatOk.chosen, "heartbeatOk.chosen"),
    };
  return electionFromWire(decoded) ?? learningFromWire(decoded) ?? lifeFromWire(decoded);
}

function electionFromWire({ probe, probeOk, prepare, prepareOk, refused }: Wire): PaxosMessage | undefined {
  if (probe) return { kind: "probe", chosen: fromWire(probe.chosen, "probe.chosen") };
  if (probeOk) return { kind: "probeOk", promised: ballotFromWire(probeOk.promised, "probeOk.promised") };
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
  if (refused) return { kind: "refused", promised: ballotFromWire(refused.promised, "refused.promised") };
  return undefined;
}

function learningFromWire({ learnRequest, learnReply, learnTrimmed }: Wire): PaxosMessage | undefined {
  if (learnRequest) return { kind: "learnRequest", from: fromWire(learnRequest.from, "learnRequest.from") };
  if (learnReply)
    return {
      kind: "learnReply",
      from: fromWire(learnReply.from, "learnReply.from"),
      values: (learnReply.values ?? []).map(contentFromWire),
      chosen: fromWire(learnReply.chosen, "learnReply.chosen"),
      more: learnReply.more ?? false,
    };
  if (learnTrimmed)
    return {
      kind: "learnTrimmed",
      trimmed: fromWire(learnTrimmed.trimmed, "learnTrimmed.trimmed"),
      chosen: fromWire(learnTrimmed.chosen, "learnTrimmed.chosen"),
    };
  return undefined;
}

function lifeFromWire({ hello, disowned }: Wire): PaxosMessage {
  if (hello)
    return {
      kind: "hello",
      promised: ballotFromWire(hello.promised, "hello.promised"),
      accepted: fromWire(hello.accepted, "hello.accepted"),
      chosen: fromWire(hello.chosen, "hello.chosen"),
      ask: hello.ask ?? false,
    };
  if (disowned) return { kind: "disowned", why: disowned.why ?? "" };
  throw new PaxosCodecError("message without a body that this version knows");
}

export const encodeMessage = ({ group, legislature, boot, message }: Addressed): Uint8Array =>
  wire.Message.encode(
    {
      group,
      legislature: toWire(legislature),
      boot: toWire(boot),
      ...bodyToWire(message),
    },
    writerFor(message.kind === "accept" ? message.value.byteLength : 0),
  ).finish(true);

/** Values in the result are views on `bytes`. Throws {@link PaxosCodecError}. */
export function decodeMessage(bytes: Uint8Array): Addressed {
  const decoded = decodeWith("message", () => wire.Message.decode(bytes)) as Wire;
  return {
    group: decoded.group,
    legislature: fromWire(decoded.legislature, "legislature"),
    boot: fromWire(decoded.boot, "boot"),
    message: bodyFromWire(decoded),
  };
}
