import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, type FeedAsk } from "@halon/event-queue";
import { type CheckpointResult, decodeStateResult, type Post, ProtoError } from "@halon/proto";
import type { CallOutcome } from "@halon/replicated-log";
import type { Counter, Rule } from "@halon/rules";
import { type Clock, Driver, type DriverOutput, fraction, type Random } from "@halon/runtime";
import { Commander } from "./commander.ts";
import { CoordinatorCore, type CoordinatorInput, type CoordinatorOutput } from "./coordinator-core.ts";
import { RULES } from "./rules/index.ts";
import { StationReader } from "./station-reader.ts";

export interface CoordinatorOptions {
  readonly node: string;
  readonly epoch: number;
  /** Beside those that ship. */
  readonly rules?: readonly Rule[];
  readonly counters?: readonly Counter[];
  readonly vars?: Readonly<Record<string, boolean | number | string>>;
  readonly leaseMs?: number;
  readonly renewMs?: number;
}

export interface CoordinatorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** The coordinator has stopped for good: its process is to end. */
  readonly onStop: (reason: string) => void;
  readonly onNotice?: (notice: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Coordinator {
  readonly status: () => Readonly<Record<string, unknown>>;
  stop(): void;
}

/** How long a station holds a question for events that has no answer yet. */
const EVENTS_WAIT_MS = 1_000;

/** The coordinator of one epoch. A function of its ports: the process and the simulator run the same. */
export function createCoordinator(options: CoordinatorOptions, ports: CoordinatorPorts): Coordinator {
  const { clock, random, post } = ports;
  const { epoch, node, rules = [], counters = [], vars = {}, ...times } = options;
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  const reader = new StationReader(node, { clock, post, tracker });
  const commander = new Commander(post);
  const core = new CoordinatorCore({ epoch, rules: [...RULES, ...rules], counters, vars, ...times });
  /** Of a station that is asked for events: none that an earlier coordinator has consumed. */
  let appliedMin = 0;
  const stop = (): void => {
    driver.stop();
    reader.stop();
    replicator.stop();
    tracker.stop();
  };
  const perform = (output: Exclude<CoordinatorOutput, DriverOutput>): void => {
    switch (output.kind) {
      case "checkpoint":
        replicator.update(output.command, { idempotent: true }, (outcome) =>
          driver.complete({ kind: "decided", random: fraction(random), ...decided(outcome) }),
        );
        return;
      case "batch":
        commander.send(`${epoch}-${output.batch}`, output.commands, (replies) =>
          driver.complete({ kind: "replies", batch: output.batch, replies }),
        );
        return;
      case "ask":
        return ask(output);
      case "acting":
        ports.onNotice?.("acting", { epoch });
        return;
      case "notice":
        ports.onNotice?.(output.text, output.facts);
        return;
      case "stop":
        stop();
        ports.onStop(output.reason);
        return;
      default:
        output satisfies never;
    }
  };
  const driver: Driver<CoordinatorInput, Exclude<CoordinatorOutput, DriverOutput>> = new Driver({
    core,
    clock,
    random,
    perform,
  });
  const ask = ({ ask: number, lane, after, mayWait }: FeedAsk): void => {
    const waitMs = mayWait ? EVENTS_WAIT_MS : 0;
    reader.ask(appliedMin, { kind: "lane", value: { priority: lane, after, waitMs } }, waitMs, (reply) => {
      const pieces = reply?.body?.kind === "lane" ? reply.body.value.pieces : undefined;
      driver.complete({ kind: "lane", ask: number, pieces });
    });
  };
  reader.load(epoch, (outcome) => {
    if (outcome.kind === "refused") {
      stop();
      return ports.onStop(outcome.why);
    }
    appliedMin = outcome.applied;
    driver.submit({ kind: "loaded", state: outcome.state, random: fraction(random) });
  });
  return {
    status: () => ({
      ...core.status,
      tracker: tracker.status,
      directBatches: commander.direct,
      counters: post.counters,
    }),
    stop,
  };
}

function decided(outcome: CallOutcome): { readonly result: CheckpointResult | undefined; readonly why?: string } {
  if (outcome.kind === "full") return { result: undefined, why: "too many calls wait" };
  if (outcome.kind === "refused") return { result: undefined, why: outcome.message };
  try {
    const result = decodeStateResult(outcome.result);
    if (result.kind === "checkpoint") return { result: result.value };
    return { result: undefined, why: `the stations answered with ${result.kind}` };
  } catch (error) {
    if (error instanceof ProtoError) return { result: undefined, why: error.message };
    throw error;
  }
}
