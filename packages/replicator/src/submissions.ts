import { type Command, decodeSubmit, LogCodecError, type Outcome } from "@halon/replicated-log";

/** Submissions without a reply; further ones are answered `busy`. */
const SUBMISSIONS_MAX = 16_384;

/** Clients' submissions on their way, and where to send what they come to. */
export class Submissions {
  readonly #submit: (token: number, commands: readonly Command[]) => boolean;
  readonly #replies = new Map<number, (outcomes: readonly Outcome[]) => void>();
  #token = 0;
  #malformed = 0;

  /** `submit` says whether it takes them: then there is one {@link reply} for the token. */
  constructor(submit: (token: number, commands: readonly Command[]) => boolean) {
    this.#submit = submit;
  }

  /** Submissions that meant nothing. */
  get malformed(): number {
    return this.#malformed;
  }

  /** `undefined`, and counted, when the bytes are no submission. */
  decode(submission: Uint8Array): readonly Command[] | undefined {
    try {
      return decodeSubmit(submission);
    } catch (error) {
      if (!(error instanceof LogCodecError)) throw error;
      this.#malformed++;
      return undefined;
    }
  }

  /** What is not taken is answered `busy` at once. */
  take(commands: readonly Command[], reply: (outcomes: readonly Outcome[]) => void): void {
    const token = ++this.#token;
    const isTaken = this.#replies.size < SUBMISSIONS_MAX && this.#submit(token, commands);
    if (isTaken) this.#replies.set(token, reply);
    else reply(commands.map(() => ({ kind: "busy" })));
  }

  reply(token: number, outcomes: readonly Outcome[]): void {
    const reply = this.#replies.get(token);
    this.#replies.delete(token);
    reply?.(outcomes);
  }

  clear(): void {
    this.#replies.clear();
  }
}
