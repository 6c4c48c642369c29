import { createMembership, isMemberId, type MemberId, type Membership } from "@halon/consensus";
import {
  COMMANDS_MAX,
  type Command,
  type CommandKind,
  type Decree,
  type Outcome,
  REPLY_BYTES_MAX,
  type RefusalCode,
} from "./command.ts";
import { halon } from "./gen/log.js";

const wire = halon.log.v1;

/** Bytes that are no decree, submission or reply of ours. */
export class LogCodecError extends Error {
  override readonly name = "LogCodecError";
}

type Long = NonNullable<halon.log.v1.ICommand["session"]>;

/** The generated types ask for Long; its encoder takes any safe integer. */
const toWire = (value: number): Long => value as unknown as Long;

function fromWire(value: Long | null | undefined, field: string): number {
  // A plain number for a field that is absent. What is above 2^53 is no safe integer when rounded, either.
  const number = typeof value === "object" ? (value?.toNumber() ?? 0) : Number(value ?? 0);
  if (!Number.isSafeInteger(number)) throw new LogCodecError(`${field} is ${String(value)}: above 2^53`);
  return number;
}

const NO_BYTES = new Uint8Array(0);
/** By their numbers on the wire. What is not among them is `unsupported`. */
const KINDS: readonly CommandKind[] = [
  "unsupported",
  "register",
  "update",
  "idempotent",
  "read",
  "stale",
  "reconfigure",
];

const commandToWire = (command: Command): halon.log.v1.ICommand => ({
  kind: KINDS.indexOf(command.kind),
  session: toWire(command.session),
  seq: toWire(command.seq),
  lowest: toWire(command.lowest),
  payload: command.payload,
});

const commandFromWire = (command: halon.log.v1.ICommand): Command => ({
  kind: KINDS[command.kind ?? 0] ?? "unsupported",
  session: fromWire(command.session, "command.session"),
  seq: fromWire(command.seq, "command.seq"),
  lowest: fromWire(command.lowest, "command.lowest"),
  payload: command.payload ?? NO_BYTES,
});

function commandsFromWire(commands: readonly halon.log.v1.ICommand[] | null | undefined): Command[] {
  if ((commands?.length ?? 0) > COMMANDS_MAX)
    throw new LogCodecError(`${commands?.length} commands in one message: at most ${COMMANDS_MAX} are allowed`);
  return (commands ?? []).map(commandFromWire);
}

function decodeWith<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new LogCodecError(`undecodable ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Bytes that `command` takes in a decree, at most. */
export const commandBytes = (command: Command): number => command.payload.byteLength + 48;

const membershipToWire = ({ legislature, members }: Membership): halon.log.v1.IMembership => ({
  legislature: toWire(legislature),
  members: [...members],
});

function membershipFromWire(membership: halon.log.v1.IMembership): Membership {
  const legislature = fromWire(membership.legislature, "membership.legislature");
  return decodeWith("membership", () => createMembership(membership.members ?? [], legislature));
}

/** Bytes that a decree takes beside its commands, at most. */
export const DECREE_BYTES_MAX = 2 * 1024;

export const encodeDecree = ({ elapsedMs, commands, inForce, proposer = "" }: Decree): Uint8Array =>
  wire.Decree.encode({
    elapsedMs,
    commands: commands.map(commandToWire),
    ...(inForce !== undefined && { inForce: membershipToWire(inForce) }),
    proposer,
  }).finish();

/** Payloads are views on `bytes`. No bytes at all are the empty decree. Throws {@link LogCodecError}. */
export function decodeDecree(bytes: Uint8Array): Decree {
  const { elapsedMs, commands, inForce, proposer } = decodeWith("decree", () => wire.Decree.decode(bytes));
  return {
    elapsedMs: elapsedMs ?? 0,
    commands: commandsFromWire(commands),
    ...(inForce && { inForce: membershipFromWire(inForce) }),
    ...(proposer && { proposer }),
  };
}

export const encodeSubmit = (commands: readonly Command[]): Uint8Array =>
  wire.Submit.encode({ commands: commands.map(commandToWire) }).finish();

/** Throws {@link LogCodecError}. */
export const decodeSubmit = (bytes: Uint8Array): readonly Command[] =>
  commandsFromWire(decodeWith("submission", () => wire.Submit.decode(bytes)).commands);

function outcomeToWire(outcome: Outcome): halon.log.v1.IOutcome {
  switch (outcome.kind) {
    case "result":
      return { result: outcome.result };
    case "notLeader":
      return { notLeader: { leader: outcome.leader ?? "" } };
    case "unknown":
      return { unknown: {} };
    case "busy":
      return { busy: {} };
    case "refused":
      return { refused: { code: outcome.code, message: outcome.message } };
    default:
      return outcome satisfies never;
  }
}

const REFUSALS: ReadonlySet<string> = new Set<RefusalCode>([
  "too-large",
  "session-unknown",
  "answered",
  "window",
  "malformed",
  "conflict",
  "last-member",
  "not-caught-up",
  "no-quorum",
  "in-use",
]);
const isRefusal = (code: string): code is RefusalCode => REFUSALS.has(code);

function outcomeFromWire({ result, notLeader, busy, refused }: halon.log.v1.IOutcome): Outcome {
  if (notLeader) {
    const leader = notLeader.leader ?? "";
    return { kind: "notLeader", leader: isMemberId(leader) ? leader : undefined };
  }
  if (busy) return { kind: "busy" };
  if (refused) {
    const code = refused.code ?? "";
    return { kind: "refused", code: isRefusal(code) ? code : "malformed", message: refused.message ?? "" };
  }
  // An outcome of a newer version says nothing that can be relied on: unknown.
  return result ? { kind: "result", result } : { kind: "unknown" };
}

/** Keeps the reply within {@link REPLY_BYTES_MAX}, and so within what a bus carries. */
export function encodeReply(outcomes: readonly Outcome[]): Uint8Array {
  let bytes = 0;
  const fitting = outcomes.map((outcome): Outcome => {
    if (outcome.kind !== "result") return outcome;
    bytes += outcome.result.byteLength;
    return bytes <= REPLY_BYTES_MAX ? outcome : { kind: "unknown" };
  });
  return wire.SubmitReply.encode({ outcomes: fitting.map(outcomeToWire) }).finish();
}

/** Throws {@link LogCodecError}. */
export const decodeReply = (bytes: Uint8Array): readonly Outcome[] =>
  (decodeWith("reply", () => wire.SubmitReply.decode(bytes)).outcomes ?? []).map(outcomeFromWire);

/** A client's session, as part of the state. */
export interface SessionState {
  readonly lowest: number;
  /** Decree in which it was last used. */
  readonly used: number;
  /** Log time then. */
  readonly usedMs: number;
}

export const encodeSession = ({ lowest, used, usedMs }: SessionState): Uint8Array =>
  wire.SessionState.encode({ lowest: toWire(lowest), used: toWire(used), usedMs: toWire(usedMs) }).finish();

/** Throws {@link LogCodecError}. */
export function decodeSession(bytes: Uint8Array): SessionState {
  const { lowest, used, usedMs } = decodeWith("session", () => wire.SessionState.decode(bytes));
  return {
    lowest: fromWire(lowest, "session.lowest"),
    used: fromWire(used, "session.used"),
    usedMs: fromWire(usedMs, "session.usedMs"),
  };
}

/** Who votes, as part of the state. */
export interface AppliedMembership {
  readonly membership: Membership;
  /** Its first decree. */
  readonly first: number;
}

export const encodeMembership = ({ membership, first }: AppliedMembership): Uint8Array =>
  wire.AppliedMembership.encode({ inForce: membershipToWire(membership), first: toWire(first) }).finish();

/** Throws {@link LogCodecError}. */
export function decodeMembership(bytes: Uint8Array): AppliedMembership {
  const { inForce, first } = decodeWith("membership", () => wire.AppliedMembership.decode(bytes));
  return { membership: membershipFromWire(inForce ?? {}), first: fromWire(first, "membership.first") };
}

/** The payload of a command `reconfigure`: who is to vote, and who no longer. What is so already is not changed. */
export interface Reconfigure {
  readonly add?: MemberId;
  readonly remove?: MemberId;
  /** Only while `remove` is not heard: whoever runs under that name is not voted out by mistake. */
  readonly onlyIfSilent?: boolean;
}

export const encodeReconfigure = ({ add = "", remove = "", onlyIfSilent = false }: Reconfigure): Uint8Array =>
  wire.Reconfigure.encode({ add, remove, onlyIfSilent }).finish();

/** Throws {@link LogCodecError}. */
export function decodeReconfigure(bytes: Uint8Array): Reconfigure {
  const { add, remove, onlyIfSilent } = decodeWith("reconfiguration", () => wire.Reconfigure.decode(bytes));
  for (const [field, member] of [["add", add] as const, ["remove", remove] as const])
    if (member && !isMemberId(member))
      throw new LogCodecError(
        `${field} is ${JSON.stringify(member)}: use 1 to 64 characters of A-Z a-z 0-9 _ -, and an incarnation after a dot if need be`,
      );
  return { ...(add && { add }), ...(remove && { remove }), ...(onlyIfSilent && { onlyIfSilent }) };
}

/** What a command `reconfigure` came to. */
export interface Reconfigured {
  /** Number of the decree; 0 when nothing had to change. */
  readonly number: number;
  /** Who votes after it. */
  readonly membership: Membership;
}

export const encodeReconfigured = ({ number, membership }: Reconfigured): Uint8Array =>
  wire.Reconfigured.encode({ number: toWire(number), inForce: membershipToWire(membership) }).finish();

/** Throws {@link LogCodecError}. */
export function decodeReconfigured(bytes: Uint8Array): Reconfigured {
  const { number, inForce } = decodeWith("reconfiguration", () => wire.Reconfigured.decode(bytes));
  return { number: fromWire(number, "number"), membership: membershipFromWire(inForce ?? {}) };
}

/** What a session was told of its commands in one decree; `kept` in the order of `seqs`. */
export interface KeptResults {
  readonly seqs: readonly number[];
  readonly kept: readonly Uint8Array[];
}

export const encodeResults = ({ seqs, kept }: KeptResults): Uint8Array =>
  wire.Results.encode({ seqs: seqs.map(toWire), kept: [...kept] }).finish();

/** Throws {@link LogCodecError}. */
export function decodeResults(bytes: Uint8Array): KeptResults {
  const { seqs, kept } = decodeWith("results", () => wire.Results.decode(bytes));
  return { seqs: (seqs ?? []).map((seq) => fromWire(seq, "results.seqs")), kept: kept ?? [] };
}
