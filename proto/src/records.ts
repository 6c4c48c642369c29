import { decodeRecordAs, encodeRecordAs } from "./codec.ts";
import type { Decision, EventId, Lease, NodeCommand, StoredGroup } from "./messages.ts";

/** Things of the replicated state in the form in which they are stored. All decoders throw `ProtoError`. */
export const encodeStoredGroup = (group: StoredGroup): Uint8Array => encodeRecordAs("StoredGroup", group);
export const decodeStoredGroup = (bytes: Uint8Array): StoredGroup =>
  decodeRecordAs("StoredGroup", bytes) as StoredGroup;

export const encodeLease = (lease: Lease): Uint8Array => encodeRecordAs("Lease", lease);
export const decodeLease = (bytes: Uint8Array): Lease => decodeRecordAs("Lease", bytes) as Lease;

export const encodeDecision = (decision: Decision): Uint8Array => encodeRecordAs("Decision", decision);
export const decodeDecision = (bytes: Uint8Array): Decision => decodeRecordAs("Decision", bytes) as Decision;

export const encodeNodeCommand = (command: NodeCommand): Uint8Array => encodeRecordAs("NodeCommand", command);
export const decodeNodeCommand = (bytes: Uint8Array): NodeCommand =>
  decodeRecordAs("NodeCommand", bytes) as NodeCommand;

/** `producer/incarnation/seq`, for logs and decisions. */
export const formatEventId = (id: EventId | undefined): string =>
  id === undefined ? "-" : `${id.producer}/${id.incarnation}/${id.seq}`;
