import { createMembership, isMemberId, type MemberId, type Membership } from "@halon/consensus";
import protobuf from "protobufjs/minimal.js";
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
export const toWire = (value: number): Long => value as unknown as Long;

export function fromWire(value: Long | null | undefined, field: string): number {
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

type Run = halon.log.v1.ICommand & { readonly payload: Uint8Array[] };

/** Commands of one client that follow each other share all but their payloads: a message each would cost more than these. */
function commandsToWire(commands: readonly Command[]): Run[] {
  const runs: Run[] = [];
  let first: Command | undefined;
  let payload: Uint8Array[] = [];
  for (const command of commands) {
    if (first !== undefined && isNext(command, first, payload.length)) payload.push(command.payload);
    else {
      const { kind, session, seq, lowest } = command;
      first = command;
      payload = [command.payload];
      runs.push({
        kind: KINDS.indexOf(kind),
        session: toWire(session),
        seq: toWire(seq),
        lowest: toWire(lowest),
        payload,
      });
    }
  }
  return runs;
}

/** Whether a command is the one that stands so far behind `first` in its run. */
const isNext = ({ kind, session, seq, lowest }: Command, first: Command, distance: number): boolean =>
  kind === first.kind &&
  session === first.session &&
  lowest === first.lowest &&
  seq === first.seq + (kind === "update" ? distance : 0);

const ONE_EMPTY = [NO_BYTES];

function commandsFromWire(runs: readonly halon.log.v1.ICommand[] | null | undefined): Command[] {
  const commands: Command[] = [];
  for (const { kind: number, session, seq, lowest, payload } of runs ?? []) {
    const payloads = payload?.length ? payload : ONE_EMPTY;
    if (commands.length + payloads.length > COMMANDS_MAX)
      throw new LogCodecError(`too many commands in one message: at most ${COMMANDS_MAX} are allowed`);
    const kind = KINDS[number ?? 0] ?? "unsupported";
    const of = { session: fromWire(session, "command.session"), lowest: fromWire(lowest, "command.lowest") };
    const first = fromWire(seq, "command.seq");
    const step = kind === "update" ? 1 : 0;
    const last = first + (payloads.length - 1) * step;
    if (!Number.isSafeInteger(last)) throw new LogCodecError(`command.seq goes up to ${last}: above 2^53`);
    for (const [at, each] of payloads.entries())
      commands.push({ kind, session: of.session, seq: first + at * step, lowest: of.lowest, payload: each });
  }
  return commands;
}

export function decodeWith<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new LogCodecError(`undecodable ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** What a writer holds without further ado, and enough for all that stands beside a payload. */
const SMALL_BYTES = 1_024;

/** A writer with room for so many bytes of payload and what goes around them. One that grows copies all it has, and doubles. */
const writerFor = (payloadBytes: number): protobuf.Writer => {
  const writer = protobuf.Writer.create();
  if (payloadBytes > SMALL_BYTES) writer.buf = Buffer.allocUnsafe(payloadBytes + SMALL_BYTES);
  return writer;
};

const bytesOf = (commands: readonly Command[]): number => {
  let bytes = 0;
  for (const command of commands) bytes += commandBytes(command);
  return bytes;
};

/** Bytes that `command` takes in a decree, at most. */
export const commandBytes = (command: Command): number => command.payload.byteLength + 48;

export const membershipToWire = ({ legislature, members }: Membership): halon.log.v1.IMembership => ({
  legislature: toWire(legislature),
  members: [...members],
});

export function membershipFromWire(membership: halon.log.v1.IMembership): Membership {
  const legislature = fromWire(membership.legislature, "membership.legislature");
  return decodeWith("membership", () => createMembership(membership.members ?? [], legislature));
}

/** Bytes that a decree takes beside its commands, at most. */
export const DECREE_BYTES_MAX = 2 * 1024;

export const encodeDecree = ({ elapsedMs, commands, inForce, proposer = "" }: Decree): Uint8Array =>
  wire.Decree.encode(
    {
      elapsedMs,
      commands: commandsToWire(commands),
      ...(inForce !== undefined && { inForce: membershipToWire(inForce) }),
      proposer,
    },
    writerFor(bytesOf(commands)),
  ).finish();

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
  wire.Submit.encode({ commands: commandsToWire(commands) }, writerFor(bytesOf(commands))).finish(true);

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
  const runs: halon.log.v1.IOutcome[] = [];
  let bytes = 0;
  let last: Outcome | undefined;
  for (const outcome of outcomes) {
    if (outcome.kind === "result") bytes += outcome.result.byteLength;
    const fitting: Outcome = bytes <= REPLY_BYTES_MAX || outcome.kind !== "result" ? outcome : { kind: "unknown" };
    const run = runs.at(-1);
    if (run !== undefined && last !== undefined && isSame(fitting, last)) run.count = (run.count ?? 1) + 1;
    else runs.push(outcomeToWire(fitting));
    last = fitting;
  }
  return wire.SubmitReply.encode({ outcomes: runs }).finish();
}

/** Those that are told together: mostly updates whose result is empty. */
const isSame = (a: Outcome, b: Outcome): boolean =>
  a === b || (a.kind === "result" && b.kind === "result" && a.result.byteLength === 0 && b.result.byteLength === 0);

/** Throws {@link LogCodecError}. */
export function decodeReply(bytes: Uint8Array): readonly Outcome[] {
  const outcomes: Outcome[] = [];
  for (const run of decodeWith("reply", () => wire.SubmitReply.decode(bytes)).outcomes ?? []) {
    const count = Math.max(1, run.count ?? 1);
    if (outcomes.length + count > COMMANDS_MAX)
      throw new LogCodecError(`too many outcomes in one reply: at most ${COMMANDS_MAX} are allowed`);
    const outcome = outcomeFromWire(run);
    for (let left = count; left > 0; left--) outcomes.push(outcome);
  }
  return outcomes;
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
