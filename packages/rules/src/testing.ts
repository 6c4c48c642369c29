import { type Graph, type GraphJson, type Json, toJson } from "@halon/resource-graph";
import type { Decision } from "./decision.ts";
import { Engine } from "./engine.ts";
import type { AnswerInput, EventInput } from "./engine-input.ts";
import type { Limits } from "./limits.ts";
import type { Answer } from "./operation.ts";
import type { Rule } from "./rule.ts";
import type { Command } from "./step-draft.ts";
import type { RefusedEvent, Turn } from "./turn.ts";

/** One thing that happens. */
export type ScenarioStep =
  /** Of that type; `atMs` moves log time there, at once with the event. */
  | { readonly kind: "event"; readonly type: string; readonly payload: Uint8Array; readonly atMs?: number }
  /** Log time moves on to there. */
  | { readonly kind: "time"; readonly atMs: number }
  | { readonly kind: "answer"; readonly commandId: string; readonly answer: Answer }
  /** Each command without answer so far gets what `answer` says, if it says anything. */
  | { readonly kind: "answers"; readonly answer: (command: Command) => Answer | undefined };

export interface Scenario {
  readonly rules: readonly Rule[];
  readonly graph: Graph;
  /** Events get the positions 1, 2, … and the ids `e1`, `e2`, …. */
  readonly steps: readonly ScenarioStep[];
  readonly vars?: Readonly<Record<string, Json>>;
  readonly limits?: Partial<Limits>;
}

/** All that is left in the replicated state and in the world when a scenario is over. */
export interface ScenarioOutcome {
  readonly graph: GraphJson;
  readonly commands: readonly Command[];
  readonly decisions: readonly Decision[];
  /** Keys and values, as text, of what instances have persisted. */
  readonly entries: Readonly<Record<string, string>>;
  readonly consumed: readonly number[];
  readonly settled: readonly string[];
  readonly refused: readonly RefusedEvent[];
  readonly unknownTypes: Readonly<Record<string, number>>;
  /** Checkpoints that were decided. */
  readonly checkpoints: number;
}

/** A death of the coordinator. Checkpoints, decided and lost, are counted from 0. */
export type Death =
  /** Its checkpoint is never decided: what came in comes again. */
  | { readonly kind: "beforeCheckpoint"; readonly number: number }
  /** Its checkpoint is decided. */
  | { readonly kind: "afterCheckpoint"; readonly number: number }
  /** When all that a step brought about is decided. */
  | { readonly kind: "afterStep"; readonly number: number };

/** Runs a scenario, with a new engine built from what is persisted after each death. */
export function runScenario(scenario: Scenario, deaths: readonly Death[] = []): ScenarioOutcome {
  const world = new World(scenario, deaths);
  for (const [number, step] of scenario.steps.entries()) world.happen(step, number);
  return world.outcome();
}

/**
 * Runs a scenario once without failover, and again with one at each point where there can be one: before and after each
 * checkpoint, after each step, and after every checkpoint of one run. Throws at the first run that does not end exactly as the one
 * without: same graph, same commands, same decisions, same persisted entries. Gives what the one without ended with.
 */
export function runWithFailovers(scenario: Scenario): ScenarioOutcome {
  const undisturbed = runScenario(scenario);
  const checkpoints = upTo(undisturbed.checkpoints);
  const runs: (readonly Death[])[] = [
    ...checkpoints.map((number) => [{ kind: "beforeCheckpoint", number } as const]),
    ...checkpoints.map((number) => [{ kind: "afterCheckpoint", number } as const]),
    ...scenario.steps.map((_, number) => [{ kind: "afterStep", number } as const]),
    checkpoints.map((number) => ({ kind: "afterCheckpoint", number }) as const),
  ];
  for (const deaths of runs) assertSameOutcome(runScenario(scenario, deaths), undisturbed, deaths);
  return undisturbed;
}

/** Throws, naming the first difference, unless both are the same. The number of checkpoints may differ. */
export function assertSameOutcome(
  actual: ScenarioOutcome,
  undisturbed: ScenarioOutcome,
  deaths: readonly Death[],
): void {
  for (const part of [
    "decisions",
    "commands",
    "graph",
    "entries",
    "consumed",
    "settled",
    "refused",
    "unknownTypes",
  ] as const) {
    const [got, wanted] = [lines(actual[part]), lines(undisturbed[part])];
    const at = upTo(Math.max(got.length, wanted.length)).find((line) => got[line] !== wanted[line]);
    if (at !== undefined)
      throw new Error(
        `with ${deaths.map(({ kind, number }) => `${kind} ${number}`).join(", ")}: ${part} differ\n` +
          `  undisturbed:   ${wanted[at] ?? "(no more)"}\n  with failover: ${got[at] ?? "(no more)"}`,
      );
  }
}

const upTo = (length: number): number[] => Array.from({ length }, (_, at) => at);
const lines = (part: object): string[] =>
  Array.isArray(part)
    ? part.map((item) => text(item))
    : Object.entries(part)
        .map((item) => text(item))
        .sort((a, b) => (a < b ? -1 : 1));

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (inner instanceof Uint8Array ? `bytes ${[...inner].join(" ")}` : inner));

const decoder = new TextDecoder();
/** Above what a scenario can need: a rule that goes on for ever. */
const CHECKPOINTS_PER_STEP_MAX = 10_000;

type Input = ({ readonly kind: "event" } & EventInput) | ({ readonly kind: "answer" } & AnswerInput);

/** The replicated state, and one coordinator after the other. */
class World {
  readonly #scenario: Scenario;
  readonly #deaths: readonly Death[];
  #engine: Engine;
  #graph: Graph;
  #nowMs = 0;
  #random = 0;
  #position = 0;
  /** Neither consumed nor settled. */
  #inputs: Input[] = [];
  /** How many of `#inputs` the engine has taken. */
  #fed = 0;
  #takes = 0;
  #checkpoints = 0;
  readonly #entries = new Map<string, Uint8Array>();
  readonly #commands: Command[] = [];
  readonly #decisions: Decision[] = [];
  readonly #consumed: number[] = [];
  readonly #settled: string[] = [];
  readonly #refused: RefusedEvent[] = [];
  readonly #unknownTypes: Record<string, number> = {};

  constructor(scenario: Scenario, deaths: readonly Death[]) {
    this.#scenario = scenario;
    this.#deaths = deaths;
    this.#graph = scenario.graph;
    this.#engine = this.#build();
  }

  happen(step: ScenarioStep, number: number): void {
    this.#random = (number * 0.618_033_988_75 + 0.1) % 1;
    this.#engine.onTime(this.#nowMs, this.#random);
    this.#arrive(step);
    this.#checkpoint();
    if (this.#dies("afterStep", number)) {
      this.#engine = this.#build();
      this.#checkpoint();
    }
  }

  #arrive(step: ScenarioStep): void {
    switch (step.kind) {
      case "time":
        this.#nowMs = Math.max(this.#nowMs, step.atMs);
        return;
      case "event": {
        const position = ++this.#position;
        const { type, payload, atMs = 0 } = step;
        this.#nowMs = Math.max(this.#nowMs, atMs);
        this.#inputs.push({ kind: "event", position, id: `e${position}`, type, payload, logTimeMs: this.#nowMs });
        return;
      }
      case "answer":
        this.#inputs.push(step);
        return;
      case "answers":
        for (const command of this.#commands) {
          const answer = this.#settled.includes(command.id) ? undefined : step.answer(command);
          if (answer !== undefined) this.#inputs.push({ kind: "answer", commandId: command.id, answer });
        }
        return;
      default:
        step satisfies never;
    }
  }

  outcome(): ScenarioOutcome {
    const graph = toJson(this.#graph);
    if (text(graph) !== text(toJson(this.#engine.graph)))
      throw new Error("the engine's graph is not the persisted one");
    return {
      graph,
      commands: this.#commands,
      decisions: this.#decisions,
      entries: Object.fromEntries([...this.#entries].map(([key, value]) => [key, decoder.decode(value)])),
      consumed: this.#consumed,
      settled: this.#settled,
      refused: this.#refused,
      unknownTypes: this.#unknownTypes,
      checkpoints: this.#checkpoints,
    };
  }

  #build(): Engine {
    const { rules, vars = {}, limits = {} } = this.#scenario;
    this.#fed = 0;
    const entries = [...this.#entries];
    return new Engine({
      rules,
      graph: this.#graph,
      entries,
      vars,
      limits,
      logTimeMs: this.#nowMs,
      random: this.#random,
    });
  }

  /** What came in before what time brings: so an event is never late for want of a coordinator. */
  #feed(): void {
    for (let input = this.#inputs[this.#fed]; input !== undefined; input = this.#inputs[++this.#fed])
      if (!(input.kind === "event" ? this.#engine.onEvent(input) : this.#engine.onAnswer(input))) break;
    this.#engine.onTime(this.#nowMs, this.#random);
  }

  #checkpoint(): void {
    this.#feed();
    for (let count = 0; this.#engine.hasWork; count++) {
      if (count === CHECKPOINTS_PER_STEP_MAX) throw new Error(`over ${count} checkpoints for one step of the scenario`);
      const number = this.#takes++;
      const turn = this.#engine.take();
      const isLost = this.#dies("beforeCheckpoint", number);
      if (!isLost) this.#apply(turn);
      if (isLost || this.#dies("afterCheckpoint", number)) this.#engine = this.#build();
      this.#feed();
    }
  }

  #apply(turn: Turn): void {
    this.#checkpoints++;
    this.#graph = this.#graph.apply(turn.graphChanges);
    for (const { key, value } of turn.entryWrites) {
      if (value !== undefined) this.#entries.set(key, value);
      else if (!this.#entries.delete(key)) throw new Error(`entry ${key} is removed, but is not there`);
    }
    this.#commands.push(...turn.commands);
    this.#decisions.push(...turn.decisions);
    this.#consumed.push(...turn.consumed);
    this.#settled.push(...turn.settled);
    this.#refused.push(...turn.refused);
    for (const [type, count] of turn.unknownTypes) this.#unknownTypes[type] = (this.#unknownTypes[type] ?? 0) + count;
    const left = this.#inputs.filter((input) => !isDone(input, turn));
    this.#fed -= this.#inputs.length - left.length;
    this.#inputs = left;
  }

  #dies(kind: Death["kind"], number: number): boolean {
    return this.#deaths.some((death) => death.kind === kind && death.number === number);
  }
}

const isDone = (input: Input, turn: Turn): boolean =>
  input.kind === "event" ? turn.consumed.includes(input.position) : turn.settled.includes(input.commandId);
