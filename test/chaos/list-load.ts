import { setTimeout as wait } from "node:timers/promises";
import type { LogReplicator } from "@halon/replicator";
import type { Chance } from "@halon/simulation";
import type { ListHistory } from "../simulation/list-history.ts";
import { encodeInput, type ListInput, textOf } from "../simulation/list-machine.ts";

/** Lists that are operated upon at a time. They change over time: long ones are slow to check. */
const KEYS = 3;
const OPERATIONS_PER_KEYS = 500;
/** Between an answer and the next call of a lane. */
const THINK_MS = 40;
const APPENDS = 0.5;
/** Share of calls that are given up, each after its own patience. */
const IMPATIENT = 0.2;
const PATIENCE_MS_MAX = 300;

type Outcome = Parameters<Parameters<LogReplicator["query"]>[1]>[0];

/** Makes one call and records it; resolves with the answer, or with undefined when `msMax` was over first. */
export function callRecorded(
  history: ListHistory,
  replicator: LogReplicator,
  input: ListInput,
  msMax?: number,
): Promise<string | undefined> {
  const answered = history.call(input);
  const payload = encodeInput(input);
  return new Promise((resolve, reject) => {
    const done = (outcome: Outcome): void => {
      clearTimeout(patience);
      if (outcome.kind !== "result") return reject(new Error(`${JSON.stringify(input)}: ${JSON.stringify(outcome)}`));
      const answer = textOf(outcome.result);
      answered(answer);
      resolve(answer);
    };
    const cancel = input.op === "read" ? replicator.query(payload, done) : replicator.update(payload, {}, done);
    const giveUp = (): void => {
      cancel();
      resolve(undefined);
    };
    const patience = msMax === undefined ? undefined : setTimeout(giveUp, msMax);
  });
}

/** Clients that add to lists and read them, one call at a time each, until they are stopped. All that happens is recorded. */
export class ListLoad {
  readonly #history: ListHistory;
  readonly #lanes: { readonly done: Promise<void>; answered: number }[] = [];
  /** Appends that were acknowledged. */
  readonly #appended = new Map<string, string[]>();
  #calls = 0;
  #failure: Error | undefined;
  #isOver = false;

  constructor(history: ListHistory, replicators: readonly LogReplicator[], chance: Chance) {
    this.#history = history;
    for (const [at, replicator] of replicators.entries()) {
      const lane = { answered: 0, done: Promise.resolve() };
      const run = this.#run(replicator, chance.fork(`lane ${at}`), `c${at}`, () => lane.answered++);
      run.catch((error: Error) => {
        this.#failure ??= error;
      });
      lane.done = run;
      this.#lanes.push(lane);
    }
  }

  /** How many calls each lane has had answered. Throws when one was refused. */
  get answered(): readonly number[] {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#lanes.map(({ answered }) => answered);
  }

  /** Elements whose appends were acknowledged, by key. */
  get appended(): ReadonlyMap<string, readonly string[]> {
    return this.#appended;
  }

  get keys(): readonly string[] {
    return [...new Set(this.#history.operations.map(({ input }) => input.key))];
  }

  /** Resolves when what is under way is answered. Rejects when a call was refused. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#lanes.map(({ done }) => done));
  }

  async #run(replicator: LogReplicator, chance: Chance, client: string, onAnswer: () => void): Promise<void> {
    for (let number = 1; !this.#isOver; number++) {
      const key = `k${Math.floor(this.#calls++ / OPERATIONS_PER_KEYS)}/${chance.below(KEYS)}`;
      const isAppend = chance.hits(APPENDS);
      const element = `${client}.${number}`;
      const input: ListInput = isAppend ? { op: "append", key, element } : { op: "read", key };
      const msMax = chance.hits(IMPATIENT) ? chance.below(PATIENCE_MS_MAX) : undefined;
      const answer = await callRecorded(this.#history, replicator, input, msMax);
      if (answer !== undefined) {
        onAnswer();
        if (isAppend) this.#appended.set(key, [...(this.#appended.get(key) ?? []), element]);
      }
      await wait(chance.between(0, THINK_MS));
    }
  }
}
