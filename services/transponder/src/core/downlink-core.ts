import { type CommandReply, isName, type NodeCommand } from "@halon/proto";

/** Commands of one batch. */
export const BATCH_COMMANDS_MAX = 256;
/** Batches at a time; the commands of a further one are answered as not delivered. */
export const BATCHES_MAX = 32;
/** Commands under way at a time, over all batches. */
export const SENDS_MAX = 512;
/** How often a command is sent before its destination counts as unreachable. */
export const ATTEMPTS_MAX = 2;
const MESSAGE_CHARS_MAX = 256;

export type DownlinkInput =
  | { readonly kind: "batch"; readonly token: number; readonly id: string; readonly commands: readonly NodeCommand[] }
  /** What a `send` came to; `undefined` when there was no answer. */
  | { readonly kind: "replied"; readonly send: number; readonly reply: CommandReply | undefined };

export type DownlinkOutput =
  | { readonly kind: "send"; readonly send: number; readonly command: NodeCommand }
  | {
      readonly kind: "answer";
      readonly token: number;
      readonly id: string;
      /** One per command, in order. */
      readonly replies: readonly CommandReply[];
    };

interface Job {
  readonly token: number;
  readonly id: string;
  readonly replies: (CommandReply | undefined)[];
  missing: number;
}

interface Item {
  readonly job: Job;
  readonly at: number;
  readonly command: NodeCommand;
  attempts: number;
}

/**
 * The way down; sans-IO. Sends each command of a batch to its destination, one at a time per destination and in order,
 * and answers with one aggregate of what became of each.
 */
export class DownlinkCore {
  /** In order of arrival. */
  #waiting: Item[] = [];
  readonly #sent = new Map<number, Item>();
  /** Destinations with a command under way. */
  readonly #busy = new Set<string>();
  #jobs = 0;
  #send = 0;
  readonly #counters = { batches: 0, commands: 0, sent: 0, unreachable: 0, refusedBatches: 0 };

  get status(): Readonly<Record<string, unknown>> {
    return { batches: this.#jobs, sending: this.#sent.size, waiting: this.#waiting.length, counters: this.#counters };
  }

  step(input: DownlinkInput): readonly DownlinkOutput[] {
    const out: DownlinkOutput[] = [];
    if (input.kind === "batch") this.#onBatch(input, out);
    else this.#onReplied(input.send, input.reply, out);
    this.#sendWaiting(out);
    return out;
  }

  #onBatch({ token, id, commands }: DownlinkInput & { kind: "batch" }, out: DownlinkOutput[]): void {
    this.#counters.batches++;
    this.#counters.commands += commands.length;
    const answerAll = (outcome: string, message: string): void => {
      this.#counters.refusedBatches++;
      out.push({ kind: "answer", token, id, replies: commands.map((each) => ({ id: each.id, outcome, message })) });
    };
    if (commands.length > BATCH_COMMANDS_MAX)
      return answerAll("refused", `batch of ${commands.length} commands: at most ${BATCH_COMMANDS_MAX}; split it`);
    if (this.#jobs >= BATCHES_MAX) return answerAll("unreachable", `${BATCHES_MAX} batches wait at this transponder`);
    const job: Job = { token, id, replies: commands.map(() => undefined), missing: commands.length };
    this.#jobs++;
    if (commands.length === 0) this.#finish(job, out);
    for (const [at, command] of commands.entries()) {
      const item: Item = { job, at, command, attempts: 0 };
      if (isName(command.node)) this.#waiting.push(item);
      else this.#settle(item, { outcome: "refused", message: "the destination is not the name of a node" }, out);
    }
  }

  #sendWaiting(out: DownlinkOutput[]): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((item) => {
      if (this.#sent.size >= SENDS_MAX || this.#busy.has(item.command.node)) return true;
      this.#busy.add(item.command.node);
      this.#sendOne(item, out);
      return false;
    });
  }

  #sendOne(item: Item, out: DownlinkOutput[]): void {
    item.attempts++;
    this.#counters.sent++;
    this.#sent.set(++this.#send, item);
    out.push({ kind: "send", send: this.#send, command: item.command });
  }

  #onReplied(send: number, reply: CommandReply | undefined, out: DownlinkOutput[]): void {
    const item = this.#sent.get(send);
    if (item === undefined) return;
    this.#sent.delete(send);
    if (reply === undefined && item.attempts < ATTEMPTS_MAX) return this.#sendOne(item, out);
    this.#busy.delete(item.command.node);
    if (reply === undefined) this.#counters.unreachable++;
    this.#settle(item, reply ?? { outcome: "unreachable", message: `${item.command.node} does not answer` }, out);
  }

  #settle({ job, at, command }: Item, { outcome, message }: Omit<CommandReply, "id">, out: DownlinkOutput[]): void {
    job.replies[at] = { id: command.id, outcome, message: message.slice(0, MESSAGE_CHARS_MAX) };
    if (--job.missing === 0) this.#finish(job, out);
  }

  #finish({ token, id, replies }: Job, out: DownlinkOutput[]): void {
    this.#jobs--;
    out.push({ kind: "answer", token, id, replies: replies.filter((reply) => reply !== undefined) });
  }
}
