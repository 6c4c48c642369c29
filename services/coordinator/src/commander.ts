import { type CommandReply, type NodeCommand, type Post, subjectsOf } from "@halon/proto";

/** Time for a transponder to ask all destinations, one retry included. */
const BATCH_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 600;

/** Sends batch jobs to whichever transponder lives; where none does, each command to its node itself. */
export class Commander {
  readonly #post: Post;
  #direct = 0;

  constructor(post: Post) {
    this.#post = post;
  }

  /** Batch jobs that no transponder took. */
  get direct(): number {
    return this.#direct;
  }

  /** `done` once, with the replies that came. */
  send(id: string, commands: readonly NodeCommand[], done: (replies: readonly CommandReply[]) => void): void {
    const subject = subjectsOf(this.#post.cluster).batch;
    const body = { kind: "batch", value: { id, commands } } as const;
    this.#post.request(subject, body, "batchReply", BATCH_TIMEOUT_MS, (outcome) => {
      if (outcome.kind === "reply") done(outcome.value.replies);
      else if (outcome.kind === "noResponders") this.#sendEach(commands, done);
      else done([]);
    });
  }

  #sendEach(commands: readonly NodeCommand[], done: (replies: readonly CommandReply[]) => void): void {
    this.#direct++;
    const replies: CommandReply[] = [];
    let missing = commands.length;
    const { command: subjectOf } = subjectsOf(this.#post.cluster);
    for (const command of commands) {
      const body = { kind: "command", value: command } as const;
      this.#post.request(subjectOf(command.node), body, "commandReply", COMMAND_TIMEOUT_MS, (outcome) => {
        if (outcome.kind === "reply") replies.push(outcome.value);
        if (--missing === 0) done(replies);
      });
    }
  }
}
