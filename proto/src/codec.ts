import protobuf from "protobufjs/minimal.js";
import { halon } from "./gen/halon.js";
import type { Body, Bytes, EventPayload, Header, StateCommand, StateResult } from "./messages.ts";

const wire = halon.wire.v1;

/** Version of the messages. A receiver takes its own and the one before. */
export const SCHEMA_VERSION = 1;

export type ProtoErrorCode = "undecodable" | "schema" | "bodyless" | "number";

/** Bytes that are no message of ours, or of a version that this one does not know. */
export class ProtoError extends Error {
  override readonly name = "ProtoError";
  readonly code: ProtoErrorCode;

  constructor(code: ProtoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

type Plain = { [field: string]: unknown };

interface MessageType {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: never, options: object): Plain;
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

const TO_PLAIN = { longs: Number, defaults: true, arrays: true, objects: true, oneofs: true };
/** Names of the `oneof`s in all our messages; no plain field has such a name. */
const ONEOFS = ["body", "action"];
/** Names of the `map` fields: their keys are the sender's own, and could be any word. */
const MAPS = ["env", "counters"];

/** Which case of its oneof a message has; no message has two oneofs. */
const caseOf = (source: Plain): unknown => source["body"] ?? source["action"];

/** Generated form -> plain data: a oneof becomes `{ kind, value }` under its name, absent messages are left out. */
function fold(value: unknown): unknown {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new ProtoError("number", `${value} is above 2^53`);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(fold);
  const source = value as Plain;
  const chosen = caseOf(source);
  const plain: Plain = {};
  for (const field in source) {
    const each = source[field];
    if (each === null || field === chosen) continue;
    if (MAPS.includes(field)) plain[field] = each;
    else if (ONEOFS.includes(field)) plain[field] = { kind: each, value: fold(source[each as string]) };
    else plain[field] = typeof each === "string" ? each : fold(each);
  }
  return plain;
}

/** The reverse of {@link fold}. */
function unfold(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(unfold);
  const source = value as Plain;
  const message: Plain = {};
  for (const field in source) {
    const each = source[field];
    if (each === undefined) continue;
    if (MAPS.includes(field)) message[field] = each;
    else if (ONEOFS.includes(field)) {
      const { kind, value: inner } = each as { kind: string; value: unknown };
      message[kind] = unfold(inner);
    } else message[field] = typeof each === "object" ? unfold(each) : each;
  }
  return message;
}

function decoding<T>(what: string, bytes: Uint8Array, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof ProtoError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProtoError("undecodable", `undecodable ${what} of ${bytes.byteLength} bytes: ${why}`, { cause });
  }
}

const decodeAs = (type: MessageType, what: string, bytes: Uint8Array): Plain =>
  decoding(what, bytes, () => fold(type.toObject(type.decode(bytes) as never, TO_PLAIN)) as Plain);

function bodyOf(plain: Plain, what: string): { readonly kind: string; readonly value: unknown } {
  const { body } = plain as { body?: { kind: string; value: unknown } };
  if (body === undefined) throw new ProtoError("bodyless", `${what} without a body that this version knows`);
  return body;
}

const encodeAs = (type: unknown, message: unknown): Uint8Array =>
  (type as MessageType).encode(unfold(message) as object).finish();

const decodeVariant = (type: unknown, what: string, bytes: Uint8Array): unknown =>
  bodyOf(decodeAs(type as MessageType, what, bytes), what);

export interface Message {
  readonly header: Header;
  readonly body: Body;
}

/** Bodies that are bytes and nothing else, as most messages between stations: going through all that a body can be takes longer than the rest. */
const isBare = (kind: string | undefined): kind is "log" | "submit" | "submitReply" =>
  kind === "log" || kind === "submit" || kind === "submitReply";

export function encodeMessage({ header, body }: Message): Uint8Array {
  const { cluster, sender, incarnation, id, traceparent } = header;
  const envelope: halon.wire.v1.IEnvelope = { cluster, sender, incarnation, id, traceparent, schema: SCHEMA_VERSION };
  if (!isBare(body.kind)) return encodeAs(wire.Envelope, { ...envelope, body });
  const value = body.value as Bytes;
  envelope[body.kind] = value;
  return wire.Envelope.encode(envelope, writerFor(value.bytes.byteLength)).finish(true);
}

/** Bytes fields are views on `bytes`. Throws {@link ProtoError}. */
export function decodeMessage(bytes: Uint8Array): Message {
  const envelope = decoding("envelope", bytes, () => wire.Envelope.decode(bytes));
  const { cluster, sender, incarnation, id, traceparent, schema, body: kind } = envelope;
  if (schema > SCHEMA_VERSION + 1 || schema < SCHEMA_VERSION - 1 || schema < 1)
    throw new ProtoError(
      "schema",
      `message of schema ${schema}: this version takes ${SCHEMA_VERSION} and its neighbours`,
    );
  const header = { cluster, sender, incarnation, id, traceparent };
  if (isBare(kind)) return { header, body: { kind, value: { bytes: envelope[kind]?.bytes ?? NO_BYTES } } };
  const plain = decoding("envelope", bytes, () => fold(wire.Envelope.toObject(envelope, TO_PLAIN)) as Plain);
  return { header, body: bodyOf(plain, "envelope") as Body };
}

/** Largest command of the stations' state: a checkpoint, and so a decree. */
export const STATE_COMMAND_BYTES_MAX = 480 * 1024;

export const encodeStateCommand = (command: StateCommand): Uint8Array => encodeAs(wire.StateCommand, { body: command });
/** Throws {@link ProtoError}. */
export const decodeStateCommand = (bytes: Uint8Array): StateCommand =>
  decodeVariant(wire.StateCommand, "state command", bytes) as StateCommand;

export const encodeStateResult = (result: StateResult): Uint8Array => encodeAs(wire.StateResult, { body: result });
/** Throws {@link ProtoError}. */
export const decodeStateResult = (bytes: Uint8Array): StateResult =>
  decodeVariant(wire.StateResult, "state result", bytes) as StateResult;

export const encodeEventPayload = (payload: EventPayload): Uint8Array => encodeAs(wire.EventPayload, { body: payload });
/** Throws {@link ProtoError}. */
export const decodeEventPayload = (bytes: Uint8Array): EventPayload =>
  decodeVariant(wire.EventPayload, "event payload", bytes) as EventPayload;

export const encodeRecordAs = (
  type: "StoredGroup" | "Lease" | "Decision" | "NodeCommand",
  record: object,
): Uint8Array => encodeAs(wire[type], record);
/** Throws {@link ProtoError}. */
export const decodeRecordAs = (
  type: "StoredGroup" | "Lease" | "Decision" | "NodeCommand",
  bytes: Uint8Array,
): unknown => decodeAs(wire[type] as unknown as MessageType, type, bytes);
