import { type Ballot, createMembership, type MemberId, type Membership, MembershipError } from "@halon/consensus";
import protobuf from "protobufjs/minimal.js";
import { PaxosCodecError } from "./codec-error.ts";
import type { halon } from "./gen/paxos.js";
import type { Content } from "./message.ts";

type Long = NonNullable<halon.paxos.v1.IBallot["round"]>;

/** The generated types ask for Long; its encoder takes any safe integer. */
export const toWire = (value: number): Long => value as unknown as Long;

export function fromWire(value: Long | null | undefined, field: string): number {
  // A plain number for a field that is absent. What is above 2^53 is no safe integer when rounded, either.
  const number = typeof value === "object" ? (value?.toNumber() ?? 0) : Number(value ?? 0);
  if (!Number.isSafeInteger(number)) throw new PaxosCodecError(`${field} is ${String(value)}: above 2^53`);
  return number;
}

const NO_BYTES = new Uint8Array(0);
/** What a writer holds without further ado, and enough for all that stands beside a payload. */
const SMALL_BYTES = 1_024;

/** A writer with room for so many bytes of payload and what goes around them. One that grows copies all it has, and doubles. */
export const writerFor = (payloadBytes: number): protobuf.Writer => {
  const writer = protobuf.Writer.create();
  if (payloadBytes > SMALL_BYTES) writer.buf = Buffer.allocUnsafe(payloadBytes + SMALL_BYTES);
  return writer;
};

const bytesFromWire = (value: Uint8Array | null | undefined): Uint8Array => value ?? NO_BYTES;

export const ballotToWire = (ballot: Ballot): halon.paxos.v1.IBallot => ({
  round: toWire(ballot.round),
  member: ballot.member,
});

export function ballotFromWire(ballot: halon.paxos.v1.IBallot | null | undefined, field: string): Ballot {
  if (!ballot) throw new PaxosCodecError(`${field} is missing`);
  return { round: fromWire(ballot.round, `${field}.round`), member: ballot.member ?? "" };
}

/** Throws {@link PaxosCodecError} when they cannot make a group. */
export function membershipFromWire(members: readonly MemberId[], legislature: number): Membership {
  try {
    return createMembership(members, legislature);
  } catch (cause) {
    if (!(cause instanceof MembershipError)) throw cause;
    throw new PaxosCodecError(`membership of legislature ${legislature}: ${cause.message}`, { cause });
  }
}

export const contentToWire = ({ value, members }: Content) => ({
  value,
  ...(members !== undefined && { members: [...members] }),
});

/** A stop sign names members that can make a group. */
export function contentFromWire({ value, members }: { value?: Uint8Array | null; members?: string[] | null }): Content {
  if (!members || members.length === 0) return { value: bytesFromWire(value) };
  return { value: NO_BYTES, members: membershipFromWire(members, 0).members };
}

export function decodeWith<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new PaxosCodecError(`undecodable ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
