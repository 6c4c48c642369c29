import { type CommandReply, decodeNodeCommand, encodeNodeCommand, type NodeCommand } from "@halon/proto";

/** Commands of one batch job. */
const BATCH_COMMANDS_MAX = 256;
/** Bytes of one batch job, which is one message; a larger command goes alone. */
const BATCH_BYTES_MAX = 512 * 1024;
/** Batch jobs under way at a time. */
const BATCHES_MAX = 8;
/** An unanswered command is sent again after this, doubled up to the second. */
const RESEND_MS_MIN = 300;
const RESEND_MS_MAX = 2_000;

interface Entry {
  readonly command: NodeCommand;
  /** What it is about: a later command about the same makes this one pointless. */
  readonly about: string;
  attempts: number;
  dueAtMs: number;
  /** `settling`: it has come to its end, and is only waiting to be removed from the replicated state. */
  state: "due" | "sent" | "settling";
}

/** What a reply means for its command: done with, or to be sent again. */
const FINAL_OUTCOMES = ["done", "stale", "refused"];

const aboutOf = ({ node, action }: NodeCommand): string => {
  if (action?.kind === "start") return action.value.spec?.instance ?? "";
  return action?.kind === "stop" ? action.value.instance : `@${node}`;
};

export interface Batch {
  readonly batch: number;
  readonly commands: readonly NodeCommand[];
}

/**
 * Commands that are decided and not answered. They are part of the replicated state: who takes over sends them again,
 * under the same ids.
 */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #batches = new Map<number, readonly string[]>();
  #batch = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Adds a decided command, to be sent at once. Returns ids of commands that it makes pointless, see {@link settle}. */
  add(command: NodeCommand, nowMs: number): readonly string[] {
    const about = aboutOf(command);
    const pointless = [...this.#entries.values()]
      .filter((entry) => entry.about === about && entry.state !== "settling")
      .map(({ command: { id } }) => id);
    this.#entries.set(command.id, { command, about, attempts: 0, dueAtMs: nowMs, state: "due" });
    return pointless.filter((id) => id !== command.id);
  }

  /** Ids of commands to nodes for which `isUp` is false, see {@link settle}. */
  undeliverable(isUp: (node: string) => boolean): readonly string[] {
    return [...this.#entries]
      .filter(([, { command, state }]) => state !== "settling" && !isUp(command.node))
      .map(([id]) => id);
  }

  /** It has come to its end: it is sent no more. {@link remove} follows when that is decided. */
  settle(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.state = "settling";
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  /** What is due, as batch jobs; `finish` makes a command what is sent. */
  takeDue(nowMs: number, finish: (command: NodeCommand) => NodeCommand): readonly Batch[] {
    const jobs: { readonly batch: number; readonly commands: NodeCommand[] }[] = [];
    let bytes = 0;
    for (const entry of this.#entries.values()) {
      if (entry.state !== "due" || entry.dueAtMs > nowMs) continue;
      const command = finish(entry.command);
      const size = encodeNodeCommand(command).length;
      const last = jobs.at(-1);
      if (last !== undefined && last.commands.length < BATCH_COMMANDS_MAX && bytes + size <= BATCH_BYTES_MAX) {
        last.commands.push(command);
        bytes += size;
      } else {
        if (this.#batches.size + jobs.length >= BATCHES_MAX) break;
        jobs.push({ batch: ++this.#batch, commands: [command] });
        bytes = size;
      }
      entry.state = "sent";
      entry.attempts++;
    }
    for (const { batch, commands } of jobs)
      this.#batches.set(
        batch,
        commands.map(({ id }) => id),
      );
    return jobs;
  }

  /** When `takeDue` may have something. */
  get nextDueMs(): number | undefined {
    if (this.#batches.size >= BATCHES_MAX) return undefined;
    let nextMs: number | undefined;
    for (const { state, dueAtMs } of this.#entries.values())
      if (state === "due") nextMs = Math.min(nextMs ?? dueAtMs, dueAtMs);
    return nextMs;
  }

  /**
   * Takes the replies to a batch job. Those that are final are given to `accept`; what it does not take, and commands
   * without a final reply, are due again later.
   */
  onReplies(
    batch: number,
    replies: readonly CommandReply[],
    nowMs: number,
    accept: (reply: CommandReply) => boolean,
  ): void {
    const sent = new Set(this.#batches.get(batch) ?? []);
    this.#batches.delete(batch);
    for (const reply of replies) {
      const entry = sent.has(reply.id) ? this.#entries.get(reply.id) : undefined;
      if (entry?.state !== "sent" || !FINAL_OUTCOMES.includes(reply.outcome)) continue;
      if (accept(reply)) entry.state = "settling";
    }
    for (const id of sent) {
      const entry = this.#entries.get(id);
      if (entry?.state !== "sent") continue;
      entry.state = "due";
      entry.dueAtMs = nowMs + Math.min(RESEND_MS_MAX, RESEND_MS_MIN * 2 ** Math.min(entry.attempts - 1, 4));
    }
  }
}

const PREFIX = "o/";
export const outboxKey = (id: string): string => PREFIX + id;
export const encodeOutboxEntry = (command: NodeCommand): Uint8Array => encodeNodeCommand({ ...command, epoch: 0 });
export const decodeOutboxEntry = (bytes: Uint8Array): NodeCommand => decodeNodeCommand(bytes);
