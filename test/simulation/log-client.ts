import type { CallOutcome } from "@halon/replicated-log";
import { LogReplicator } from "@halon/replicator";
import { fraction } from "@halon/runtime";
import type { Instance, ProcessPorts } from "@halon/simulation";
import type { ListHistory } from "./list-history.ts";
import { encodeInput, type ListInput, shownBy, textOf } from "./list-machine.ts";
import { submitSubject } from "./log-station.ts";

/** Long enough for a change of leader, short enough that a call may end unknown. */
const CALL_TIMEOUT_MS = 3_000;

/** A process that operates on the lists through the replicator, and writes down what it is told. */
export class LogProcessClient implements Instance {
  readonly replicator: LogReplicator;
  readonly #ports: ProcessPorts;
  readonly #history: ListHistory;
  #waiting = 0;

  constructor(stations: readonly string[], history: ListHistory, ports: ProcessPorts) {
    this.#ports = ports;
    this.#history = history;
    const { clock, random, transport } = ports;
    this.replicator = new LogReplicator(
      { members: stations },
      {
        clock,
        random,
        request: (to, submission, timeoutMs, done) => {
          transport.request(submitSubject(to), submission, timeoutMs, (outcome) =>
            done(outcome.kind === "reply" ? outcome.payload : undefined),
          );
        },
      },
    );
  }

  /** Calls of this client without an answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /** One that no client has used before. */
  newElement(): string {
    return `${this.#ports.machine}.${this.#history.called}`;
  }

  /** Makes one call. `done` gets the answer, or undefined when the client has stopped waiting: then it is unknown. */
  call(input: ListInput, done: (answer: string | undefined) => void = () => undefined): void {
    const { clock, trace } = this.#ports;
    const answered = this.#history.call(input);
    const what = `${input.op} ${input.key}${input.op === "read" ? "" : ` ${input.element}`}`;
    trace(what);
    this.#waiting++;
    const end = (answer: string | undefined): void => {
      this.#waiting--;
      trace(`${what}: ${answer === undefined ? "gives up" : answer.slice(-40)}`);
      if (answer !== undefined) answered(answer);
      done(answer);
    };
    const settle = (outcome: CallOutcome): void => {
      cancelTimeout();
      end(outcome.kind === "result" ? textOf(outcome.result) : undefined);
    };
    const payload = encodeInput(input);
    const cancel =
      input.op === "read" ? this.replicator.query(payload, settle) : this.replicator.update(payload, {}, settle);
    const cancelTimeout = clock.at(clock.nowMs() + CALL_TIMEOUT_MS, () => {
      cancel();
      end(undefined);
    });
  }

  /** Reads what some station has; of the past, perhaps, and so no part of the history. */
  readStale(key: string): void {
    const { trace } = this.#ports;
    this.replicator.queryStale(encodeInput({ op: "read", key }), (outcome) => trace(`stale ${key}: ${outcome.kind}`));
  }

  stop(): void {
    this.replicator.stop();
  }
}

export interface Habits {
  readonly keys: readonly string[];
  /** Mean time between two calls. */
  readonly everyMs: number;
}

/** More calls of one client at a time would make a history too hard to judge: each that overlaps doubles the search. */
const CALLS_MAX = 8;

/** Calls by chance, whether or not the last ones were answered, for as long as `isOpen`. */
export function keepCalling(
  client: LogProcessClient,
  { keys, everyMs }: Habits,
  ports: ProcessPorts,
  isOpen: () => boolean,
): void {
  const { clock, random } = ports;
  const last = new Map<string, string>();
  const one = (): void => {
    if (!isOpen()) return;
    clock.at(clock.nowMs() + fraction(random) * 2 * everyMs, one);
    if (client.waiting >= CALLS_MAX) return;
    const key = keys[random.u32() % keys.length] as string;
    const element = client.newElement();
    const dice = random.u32() % 10;
    const note = (answer: string | undefined): void => {
      if (answer !== undefined) last.set(key, shownBy(answer));
    };
    if (dice < 4) client.call({ op: "append", key, element }, note);
    else if (dice < 5) client.call({ op: "replace", key, element });
    else if (dice < 6) client.call({ op: "swap", key, element, expected: last.get(key) ?? "" });
    else if (dice < 9) client.call({ op: "read", key }, note);
    else client.readStale(key);
  };
  clock.at(clock.nowMs(), one);
}
