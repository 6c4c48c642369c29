import { isMemberId } from "@halon/consensus";
import { KEY_CHARS_MAX, VALUE_BYTES_MAX } from "@halon/runtime";
import protobuf from "protobufjs/minimal.js";
import {
  END,
  type Frame,
  type FrameBody,
  type InstallProgress,
  NO_PROGRESS,
  type SnapshotEntry,
  type SnapshotReply,
  type SnapshotReplyBody,
  type SnapshotRequest,
} from "./frame.ts";
import { halon } from "./gen/replicator.js";

const wire = halon.replicator.v1;

/** Bytes that no member of this version says. `message` says where they end to make sense. */
export class FrameCodecError extends Error {
  override readonly name = "FrameCodecError";
}

type Long = NonNullable<halon.replicator.v1.IStateDigest["number"]>;

/** The generated types ask for Long; its encoder takes any safe integer. */
const toWire = (value: number): Long => value as unknown as Long;

function fromWire(value: Long | null | undefined, field: string): number {
  // A plain number for a field that is absent. What is above 2^53 is no safe integer when rounded, either.
  const number = typeof value === "object" ? (value?.toNumber() ?? 0) : Number(value ?? 0);
  if (!Number.isSafeInteger(number)) throw new FrameCodecError(`${field} is ${String(value)}: above 2^53`);
  return number;
}

const NO_BYTES = new Uint8Array(0);
/** What a writer holds without further ado, and enough for all that stands beside a payload. */
const SMALL_BYTES = 1_024;

/** A writer with room for so many bytes of payload and what goes around them. One that grows copies all it has, and doubles. */
const writerFor = (payloadBytes: number): protobuf.Writer => {
  const writer = protobuf.Writer.create();
  if (payloadBytes > SMALL_BYTES) writer.buf = Buffer.allocUnsafe(payloadBytes + SMALL_BYTES);
  return writer;
};

const DIGEST_BYTES = 32;
const OTHERS_MAX = 32;

function check(isRight: boolean, complaint: () => string): void {
  if (!isRight) throw new FrameCodecError(complaint());
}

function bound(text: string | null | undefined, field: string): string {
  const key = text ?? "";
  const isBound = key.length <= KEY_CHARS_MAX + 1 && /^[\x20-\x7f]*$/.test(key);
  check(isBound && (key === END || !key.includes(END)), () => `${field} ${JSON.stringify(key)} is no end of a range`);
  return key;
}

function sha256(bytes: Uint8Array | null | undefined): Uint8Array {
  const digest = bytes ?? NO_BYTES;
  check(digest.length === DIGEST_BYTES, () => `digest of ${digest.length} bytes: SHA-256 has ${DIGEST_BYTES}`);
  return digest;
}

const requestToWire = (request: SnapshotRequest): halon.replicator.v1.ISnapshotRequest => ({
  ...request,
  decree: toWire(request.decree),
  atLeast: toWire(request.atLeast),
  offset: toWire(request.offset),
  since: toWire(request.since),
});

function requestFromWire(request: halon.replicator.v1.ISnapshotRequest): SnapshotRequest {
  const from = bound(request.from, "from");
  const to = bound(request.to, "to");
  check(from < to, () => `range from ${JSON.stringify(from)} to ${JSON.stringify(to)} is empty`);
  return {
    decree: fromWire(request.decree, "decree"),
    atLeast: fromWire(request.atLeast, "atLeast"),
    from,
    to,
    digest: sha256(request.digest),
    offset: fromWire(request.offset, "offset"),
    since: fromWire(request.since, "since"),
    ahead: request.ahead ?? 0,
  };
}

function replyBodyToWire(body: SnapshotReplyBody): halon.replicator.v1.ISnapshotReply {
  switch (body.kind) {
    case "opened":
      return { opened: {} };
    case "same":
      return { same: { digest: body.digest } };
    case "entries":
      return { entries: { entries: body.entries.map(([key, value]) => ({ key, value })) } };
    case "changes":
      return {
        changes: { entries: body.entries.map(([key, value]) => ({ key, value })), deleted: [...body.deleted] },
      };
    case "part": {
      const { key, bytes } = body;
      return { part: { key, bytes, bytesCount: toWire(body.bytesCount), offset: toWire(body.offset) } };
    }
    case "unable":
      return { unable: { why: body.why, others: [...body.others] } };
    default:
      return body satisfies never;
  }
}

/** Keys in order, within the range. */
function keysFromWire(keys: readonly (string | null | undefined)[], from: string, to: string): readonly string[] {
  let least = from;
  return keys.map((key) => {
    const name = bound(key, "key");
    const isNext = name !== "" && name.length <= KEY_CHARS_MAX && name >= least && name < to;
    check(isNext, () => `key ${JSON.stringify(name)} is out of order, or of its range`);
    least = `${name} `;
    return name;
  });
}

/** Entries in order, within the range: what can be written as it is. */
function entriesFromWire(
  { entries }: halon.replicator.v1.SnapshotReply.IEntries,
  from: string,
  to: string,
): readonly SnapshotEntry[] {
  const all = entries ?? [];
  return keysFromWire(
    all.map(({ key }) => key),
    from,
    to,
  ).map((name, at): SnapshotEntry => {
    const value = all[at]?.value ?? NO_BYTES;
    check(value.length <= VALUE_BYTES_MAX, () => `value of ${value.length} bytes: at most ${VALUE_BYTES_MAX}`);
    return [name, value];
  });
}

function changesFromWire(
  changes: halon.replicator.v1.SnapshotReply.IChanges,
  from: string,
  to: string,
): SnapshotReplyBody {
  const entries = entriesFromWire(changes, from, to);
  const deleted = keysFromWire(changes.deleted ?? [], from, to);
  const put = new Set(entries.map(([key]) => key));
  for (const key of deleted) check(!put.has(key), () => `key ${JSON.stringify(key)} is there, and gone`);
  return { kind: "changes", entries, deleted };
}

function partFromWire(part: halon.replicator.v1.SnapshotReply.IPart, from: string, to: string): SnapshotReplyBody {
  const key = bound(part.key, "key");
  const bytesCount = fromWire(part.bytesCount, "part.bytesCount");
  const offset = fromWire(part.offset, "part.offset");
  const bytes = part.bytes ?? NO_BYTES;
  check(
    key !== "" && key.length <= KEY_CHARS_MAX && key >= from && key < to,
    () => `key ${JSON.stringify(key)} is out of its range`,
  );
  const fits = bytes.length > 0 && offset + bytes.length <= bytesCount && bytesCount <= VALUE_BYTES_MAX;
  check(fits, () => `part of ${bytes.length} bytes at ${offset} of ${bytesCount}`);
  return { kind: "part", key, bytesCount, offset, bytes };
}

function replyFromWire(reply: halon.replicator.v1.ISnapshotReply): SnapshotReply {
  const { opened, same, entries, part, unable, changes } = reply;
  const decree = fromWire(reply.decree, "decree");
  const since = fromWire(reply.since, "since");
  const from = bound(reply.from, "from");
  const to = bound(reply.to, "to");
  const about = (body: SnapshotReplyBody): SnapshotReply => ({ decree, from, to, since, body });
  if (opened) return about({ kind: "opened" });
  if (unable) {
    const others = (unable.others ?? []).filter(isMemberId).slice(0, OTHERS_MAX);
    return about({ kind: "unable", why: unable.why ?? "", others });
  }
  check(from < to, () => `range from ${JSON.stringify(from)} to ${JSON.stringify(to)} is empty`);
  if (same) return about({ kind: "same", digest: sha256(same.digest) });
  if (entries) return about({ kind: "entries", entries: entriesFromWire(entries, from, to) });
  if (part) return about(partFromWire(part, from, to));
  if (changes) return about(changesFromWire(changes, from, to));
  throw new FrameCodecError("a snapshot reply of a kind that this version does not know");
}

function bodyToWire(body: FrameBody): halon.replicator.v1.IFrame {
  switch (body.kind) {
    case "consensus":
      return { consensus: body.bytes };
    case "digest":
      return { digest: { number: toWire(body.number), digest: body.digest } };
    case "snapshotRequest":
      return { snapshotRequest: requestToWire(body.request) };
    case "snapshotReply": {
      const { decree, from, to, since } = body.reply;
      const about = { decree: toWire(decree), from, to, since: toWire(since) };
      return { snapshotReply: { ...about, ...replyBodyToWire(body.reply.body) } };
    }
    case "watched":
      return { watched: {} };
    default:
      return body satisfies never;
  }
}

function bodyFromWire(frame: halon.replicator.v1.IFrame): FrameBody {
  const { consensus, digest, snapshotRequest, snapshotReply, watched } = frame;
  // Most are these. An empty message of the consensus is none, and its core's to refuse.
  if (consensus) return { kind: "consensus", bytes: consensus };
  if (digest) {
    const text = digest.digest ?? "";
    check(/^[0-9a-f]{16}$/.test(text), () => `${JSON.stringify(text)} is no digest of a state`);
    return { kind: "digest", number: fromWire(digest.number, "number"), digest: text };
  }
  if (snapshotRequest) return { kind: "snapshotRequest", request: requestFromWire(snapshotRequest) };
  if (snapshotReply) return { kind: "snapshotReply", reply: replyFromWire(snapshotReply) };
  if (watched) return { kind: "watched" };
  throw new FrameCodecError("a frame of a kind that this version does not know");
}

export const encodeFrame = ({ from, body }: Frame): Uint8Array =>
  wire.Frame.encode(
    { from, ...bodyToWire(body) },
    writerFor(body.kind === "consensus" ? body.bytes.byteLength : 0),
  ).finish(true);

function decodeWith<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new FrameCodecError(`undecodable ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Byte fields are views on `bytes`. Throws {@link FrameCodecError}. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const frame = decodeWith("frame", () => wire.Frame.decode(bytes));
  const from = frame.from ?? "";
  check(isMemberId(from), () => `a frame from ${JSON.stringify(from)}: no member is named so`);
  return { from, body: bodyFromWire(frame) };
}

export const encodeProgress = ({ decree, since, ...progress }: InstallProgress): Uint8Array =>
  wire.Installing.encode({ ...progress, decree: toWire(decree), since: toWire(since) }).finish();

/** What cannot be read, or is of a version that kept no digest, is a beginning: all ranges are compared again. */
export function decodeProgress(bytes: Uint8Array): InstallProgress {
  try {
    const { peer, decree, next, since, walked, digest } = wire.Installing.decode(bytes);
    if (!/^[0-9a-f]{16}$/.test(digest ?? "")) return NO_PROGRESS;
    return {
      peer: peer ?? "",
      decree: fromWire(decree, "decree"),
      next: bound(next, "next"),
      since: fromWire(since, "since"),
      walked: bound(walked, "walked"),
      digest: digest as string,
    };
  } catch {
    return NO_PROGRESS;
  }
}
