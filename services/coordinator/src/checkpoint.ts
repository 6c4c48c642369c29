import type { Checkpoint, KeyChange, NodeCommand, PositionRange } from "@halon/proto";
import { changesToStore, encodeChange, type GraphChange } from "@halon/resource-graph";
import type { Limits, Turn } from "@halon/rules";
import { encodeOutboxEntry, outboxKey } from "./outbox.ts";

/**
 * What the engine may bring about, so that each turn fits into one command of the log (480 KiB). The largest things there
 * are: a cluster specification of 100 KiB, which takes 4/3 of that among the rule instances; a step, 360 KiB; the removal
 * of a journal, 1 500 entries. A turn begins nothing more at 24 KiB, and ends with one of these at most, or with the last
 * and the first together.
 */
export const ENGINE_LIMITS: Partial<Limits> = {
  inputBytesMax: 101 * 1024,
  turnBytesMax: 24 * 1024,
  turnWorkBytesMax: 512 * 1024,
  turnInputsMax: 32_768,
  turnCommandsMax: 256,
  turnDecisionsMax: 256,
  stepBytesMax: 360 * 1024,
  journalEntriesMax: 1_500,
};

/** The first of an epoch: nothing but the claim to the lease. */
export const emptyCheckpoint = (epoch: number, number: number): Checkpoint => ({
  epoch,
  number,
  consumed: [],
  changes: [],
  decisions: [],
});

const change = (key: string, value: Uint8Array | undefined): KeyChange =>
  value === undefined ? { key } : { key, value };

/** Changes of the graph as they are stored. */
export const graphWrites = (changes: readonly GraphChange[]): readonly KeyChange[] =>
  changesToStore(changes.map(encodeChange)).map(({ key, value }) => change(`g/${key}`, value));

/** A turn as what is decided. `commands`: those of the turn, as they go into the outbox. `consumedRanges`: what it consumed. */
export function checkpointOf(
  epoch: number,
  number: number,
  turn: Turn,
  commands: readonly NodeCommand[],
  consumedRanges: readonly PositionRange[],
): Checkpoint {
  const changes = [
    ...graphWrites(turn.graphChanges),
    ...turn.entryWrites.map(({ key, value }) => change(`i/${key}`, value)),
    ...turn.settled.map((id) => change(outboxKey(id), undefined)),
    ...commands.map((command) => change(outboxKey(command.id), encodeOutboxEntry(command))),
  ];
  const decisions = turn.decisions.map(({ rule, key, outcome, facts, eventIds }) => ({
    rule,
    instance: key,
    text: outcome,
    facts: JSON.stringify(facts),
    events: eventIds,
    logTimeMs: 0,
    epoch,
  }));
  return { epoch, number, consumed: [], changes, decisions, consumedRanges };
}

/** What the turn is about, for a complaint that it is too large. */
export const subjectOf = ({ decisions, entryWrites }: Turn): string => {
  const rules = new Set([
    ...decisions.map(({ rule }) => rule),
    ...entryWrites.map(({ key }) => key.split("/")[0] ?? ""),
  ]);
  return [...rules].slice(0, 8).join(", ");
};
