import { isMemberId } from "@halon/consensus";
import { COMMANDS_MAX, type Command, type Decree, type Outcome, REPLY_BYTES_MAX, type RefusalCode } from "./command.ts";
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
const KINDS = ["unknown", "register", "update", "idempotent", "read"] as const;

const commandToWire = (command: Command): halon.log.v1.ICommand => ({
  kind: KINDS.indexOf(command.kind),
  session: toWire(command.session),
  seq: toWire(command.seq),
  lowest: toWire(command.lowest),
  payload: command.payload,
});

function commandFromWire(command: halon.log.v1.ICommand): Command {
  const kind = KINDS[command.kind ?? 0];
  if (kind === undefined || kind === "unknown")
    throw new LogCodecError(`command of kind ${command.kind}: this version knows ${KINDS.slice(1).join(", ")}`);
  return {
    kind,
    session: fromWire(command.session, "command.session"),
    seq: fromWire(command.seq, "command.seq"),
    lowest: fromWire(command.lowest, "command.lowest"),
    payload: command.payload ?? NO_BYTES,
  };
}

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

export const encodeDecree = ({ elapsedMs, commands }: Decree): Uint8Array =>
  wire.Decree.encode({ elapsedMs, commands: commands.map(commandToWire) }).finish();

/** Payloads are views on `bytes`. No bytes at all are the empty decree. Throws {@link LogCodecError}. */
export function decodeDecree(bytes: Uint8Array): Decree {
  const { elapsedMs, commands } = decodeWith("decree", () => wire.Decree.decode(bytes));
  return { elapsedMs: elapsedMs ?? 0, commands: commandsFromWire(commands) };
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

const REFUSALS: readonly string[] = ["too-large", "session-unknown", "answered", "window", "malformed"];
const isRefusal = (code: string): code is RefusalCode => REFUSALS.includes(code);

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

export const encodeSession = (state: { lowest: number; used: number }): Uint8Array =>
  wire.SessionState.encode({ lowest: toWire(state.lowest), used: toWire(state.used) }).finish();

export function decodeSession(bytes: Uint8Array): { lowest: number; used: number } {
  const { lowest, used } = decodeWith("session", () => wire.SessionState.decode(bytes));
  return { lowest: fromWire(lowest, "session.lowest"), used: fromWire(used, "session.used") };
}
