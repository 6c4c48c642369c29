import { encodeChange, type Graph, type GraphChange } from "@halon/resource-graph";
import type { Decision } from "./decision.ts";
import { encodeEntry, type JournalEntry } from "./entry.ts";
import type { Instance } from "./instance.ts";
import type { Limits } from "./limits.ts";
import type { CommandRequest } from "./operation.ts";
import { RuleFault } from "./rules-error.ts";

/** A command for the outbox. Its id is the same whoever sends it, however often. */
export interface Command extends CommandRequest {
  readonly id: string;
}

/** Counted for each entry, command, decision and change beside its texts. */
const FRAME_BYTES = 64;

/** All that a step has brought about so far. It becomes real as a whole, or is thrown away. */
export class StepDraft {
  graph: Graph;
  readonly changes: (readonly GraphChange[])[] = [];
  readonly entries: { readonly entry: JournalEntry; readonly encoded: Uint8Array }[] = [];
  readonly commands: Command[] = [];
  readonly decisions: Decision[] = [];
  bytes = 0;
  entriesBytes = 0;
  readonly #instance: Instance;
  readonly #limits: Limits;

  constructor(instance: Instance, graph: Graph, limits: Limits) {
    this.#instance = instance;
    this.graph = graph;
    this.#limits = limits;
  }

  addEntry(entry: JournalEntry): void {
    const { journalEntriesMax, journalBytesMax, stepOperationsMax } = this.#limits;
    const encoded = encodeEntry(entry);
    this.entries.push({ entry, encoded });
    this.entriesBytes += encoded.length;
    if (this.entries.length > stepOperationsMax)
      throw new RuleFault("limit", `over ${stepOperationsMax} operations (stepOperationsMax) without a wait`);
    if (this.#instance.journal.length + this.entries.length > journalEntriesMax)
      throw new RuleFault("limit", `over ${journalEntriesMax} operations (journalEntriesMax) in one run`);
    if (this.#instance.journalBytes + this.entriesBytes > journalBytesMax)
      throw new RuleFault("limit", `a journal over ${journalBytesMax} bytes (journalBytesMax)`);
    this.#weigh(encoded.length);
  }

  addChanges(changes: readonly GraphChange[], graph: Graph): void {
    this.graph = graph;
    if (changes.length === 0) return;
    this.changes.push(changes);
    for (const change of changes) this.#weigh(changeBytes(change));
  }

  addCommand(command: Command): void {
    const { commandBytesMax } = this.#limits;
    if (command.payload.length > commandBytesMax)
      throw new RuleFault("limit", `a command of ${command.payload.length} bytes: over ${commandBytesMax}`);
    this.commands.push(command);
    this.#weigh(commandBytes(command));
  }

  addDecision(decision: Decision, factsBytes: number): void {
    const { factsBytesMax } = this.#limits;
    if (factsBytes > factsBytesMax)
      throw new RuleFault("limit", `facts of ${factsBytes} bytes: over ${factsBytesMax} (factsBytesMax)`);
    this.decisions.push(decision);
    this.#weigh(decisionBytes(decision));
  }

  #weigh(bytes: number): void {
    this.bytes += FRAME_BYTES + bytes;
    if (this.bytes > this.#limits.stepBytesMax)
      throw new RuleFault(
        "limit",
        `over ${this.#limits.stepBytesMax} bytes (stepBytesMax) brought about without a wait`,
      );
  }
}

function changeBytes(change: GraphChange): number {
  const encoded = encodeChange(change);
  return encoded.kind === "putVertex"
    ? encoded.value.length + encoded.type.length + encoded.id.length
    : JSON.stringify(encoded).length;
}

const commandBytes = ({ id, node, payload, instance = "", supersedes = "" }: Command): number =>
  id.length + node.length + payload.length + instance.length + supersedes.length;

/** About the size of a decision as it is written. */
export const decisionBytes = (decision: Decision): number => JSON.stringify(decision).length;
