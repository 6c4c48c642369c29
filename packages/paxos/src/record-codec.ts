import { PaxosCodecError } from "./codec-error.ts";
import { halon } from "./gen/paxos.js";
import type { PaxosRecord } from "./message.ts";
import {
  ballotFromWire,
  ballotToWire,
  contentFromWire,
  contentToWire,
  decodeWith,
  fromWire,
  membershipFromWire,
  toWire,
  writerFor,
} from "./wire.ts";

const wire = halon.paxos.v1;

export function encodeRecord(record: PaxosRecord): Uint8Array {
  switch (record.kind) {
    case "promised":
      return wire.Record.encode({ promised: { ballot: ballotToWire(record.ballot) } }).finish();
    case "accepted": {
      const accepted = {
        ballot: ballotToWire(record.ballot),
        number: toWire(record.number),
        chosen: toWire(record.chosen),
        legislature: toWire(record.legislature),
        ...contentToWire(record),
      };
      return wire.Record.encode({ accepted }, writerFor(record.value.byteLength)).finish(true);
    }
    case "learned": {
      const learned = { number: toWire(record.number), ...contentToWire(record) };
      return wire.Record.encode({ learned }, writerFor(record.value.byteLength)).finish(true);
    }
    case "base": {
      const base = {
        number: toWire(record.number),
        legislature: toWire(record.membership.legislature),
        members: [...record.membership.members],
        promised: ballotToWire(record.promised),
        boot: toWire(record.boot),
      };
      return wire.Record.encode({ base }).finish();
    }
    case "boot":
      return wire.Record.encode({ boot: { boot: toWire(record.boot) } }).finish();
    default:
      return record satisfies never;
  }
}

/** Throws {@link PaxosCodecError}. */
export function decodeRecord(bytes: Uint8Array): PaxosRecord {
  const { promised, accepted, learned, base, boot } = decodeWith("record", () => wire.Record.decode(bytes));
  if (accepted)
    return {
      kind: "accepted",
      ballot: ballotFromWire(accepted.ballot, "accepted.ballot"),
      number: fromWire(accepted.number, "accepted.number"),
      chosen: fromWire(accepted.chosen, "accepted.chosen"),
      legislature: fromWire(accepted.legislature, "accepted.legislature"),
      ...contentFromWire(accepted),
    };
  if (promised) return { kind: "promised", ballot: ballotFromWire(promised.ballot, "promised.ballot") };
  if (learned)
    return { kind: "learned", number: fromWire(learned.number, "learned.number"), ...contentFromWire(learned) };
  if (base)
    return {
      kind: "base",
      number: fromWire(base.number, "base.number"),
      membership: membershipFromWire(base.members ?? [], fromWire(base.legislature, "base.legislature")),
      promised: ballotFromWire(base.promised, "base.promised"),
      boot: fromWire(base.boot, "base.boot"),
    };
  if (boot) return { kind: "boot", boot: fromWire(boot.boot, "boot.boot") };
  throw new PaxosCodecError("record without a body that this version knows");
}
