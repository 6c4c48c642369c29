import { consume, LANES, priorityOfLane } from "@halon/event-queue";
import {
  type Checkpoint,
  type CheckpointResult,
  type ClearQueue,
  type ClearResult,
  type Decision,
  decodeLease,
  encodeDecision,
  encodeLease,
  type GrantLease,
  type Lease,
  type LeaseResult,
} from "@halon/proto";
import type { Transaction, View } from "@halon/replicated-log";

const LEASE_KEY = "lease";
const DECISION_NEXT_KEY = "dn";
/** Decisions kept; older ones go. */
export const DECISIONS_MAX = 10_000;
/** Keys of the resource graph begin with it. */
export const GRAPH_PREFIX = "g/";
/** What a coordinator may change besides events: graph, rule instances, outbox. */
const COORDINATOR_PREFIXES = [GRAPH_PREFIX, "i/", "o/"];

export const NO_LEASE: Lease = { epoch: 0, holder: "", checkpoint: 0 };

export function readLease(view: View): Lease {
  const bytes = view.get(LEASE_KEY);
  return bytes === undefined ? NO_LEASE : decodeLease(bytes);
}

/**
 * Compare-and-set on (epoch, checkpoint): who has not seen the last renewal cannot depose the living. A repeated grant to
 * the same holder, before its first checkpoint, is answered as granted.
 */
export function grantLease(
  state: Transaction,
  { epoch, checkpoint, holder }: GrantLease,
  logTimeMs: number,
): LeaseResult {
  const lease = readLease(state);
  const isRepeated = lease.epoch === epoch + 1 && lease.holder === holder && lease.checkpoint === 0;
  if (isRepeated) return { granted: true, lease, logTimeMs };
  if (lease.epoch !== epoch || lease.checkpoint !== checkpoint) return { granted: false, lease, logTimeMs };
  const next: Lease = { epoch: epoch + 1, holder, checkpoint: 0 };
  state.put(LEASE_KEY, encodeLease(next));
  return { granted: true, lease: next, logTimeMs };
}

/**
 * All of it or nothing: only the epoch that holds the lease, only in order. The last one repeated is answered as applied,
 * since its sender may not have had the answer.
 */
export function checkpoint(state: Transaction, command: Checkpoint, logTimeMs: number): CheckpointResult {
  const lease = readLease(state);
  if (lease.epoch === command.epoch && lease.checkpoint === command.number && command.number > 0)
    return { applied: true, lease, logTimeMs };
  const isNext = lease.epoch === command.epoch && lease.checkpoint === command.number - 1;
  const strange = command.changes.find(({ key }) => !COORDINATOR_PREFIXES.some((prefix) => key.startsWith(prefix)));
  if (!isNext || strange !== undefined) return { applied: false, lease, logTimeMs };
  const single = command.consumed.map((position) => ({ first: position, last: position, priority: 0 }));
  consume(state, [...single, ...(command.consumedRanges ?? [])]);
  for (const { key, value } of command.changes) {
    if (value === undefined) state.delete(key);
    else state.put(key, value);
  }
  appendDecisions(state, command.decisions, command.epoch, logTimeMs);
  const renewed: Lease = { ...lease, checkpoint: command.number };
  state.put(LEASE_KEY, encodeLease(renewed));
  return { applied: true, lease: renewed, logTimeMs };
}

const decisionKey = (number: number): string => `d/${number.toString().padStart(16, "0")}`;

/** An operator has cleared the queue: it is said where all that was decided is said. */
export function noteClearing(
  state: Transaction,
  { by, why, through, type, priority }: ClearQueue,
  { cleared, next }: ClearResult,
  logTimeMs: number,
): void {
  if (cleared === 0) return;
  const lane = LANES.find((each) => each === priority);
  const facts = { by, why, cleared, through, type, priority: lane && priorityOfLane(lane), more: next > 0 };
  const decision = { rule: "operator", instance: "queue", text: "queue cleared", facts: JSON.stringify(facts) };
  const { epoch } = readLease(state);
  appendDecisions(state, [{ ...decision, events: [], logTimeMs, epoch }], epoch, logTimeMs);
}

function appendDecisions(state: Transaction, decisions: readonly Decision[], epoch: number, logTimeMs: number): void {
  if (decisions.length === 0) return;
  const bytes = state.get(DECISION_NEXT_KEY);
  let next = bytes === undefined ? 1 : Number(new TextDecoder().decode(bytes));
  for (const decision of decisions) {
    state.put(decisionKey(next), encodeDecision({ ...decision, epoch, logTimeMs }));
    if (next > DECISIONS_MAX) state.delete(decisionKey(next - DECISIONS_MAX));
    next++;
  }
  state.put(DECISION_NEXT_KEY, new TextEncoder().encode(String(next)));
}
