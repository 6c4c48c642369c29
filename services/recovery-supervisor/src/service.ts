import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import {
  decodeStateResult,
  encodeStateCommand,
  type LeaseResult,
  type Post,
  ProtoError,
  subjectsOf,
} from "@halon/proto";
import { type Clock, Driver, type DriverOutput, type Random } from "@halon/runtime";
import {
  type SupervisorConfig,
  SupervisorCore,
  type SupervisorInput,
  type SupervisorOutput,
} from "./supervisor-core.ts";

export interface SupervisorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly onNotice?: (notice: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Supervisor {
  readonly status: () => Readonly<Record<string, unknown>>;
  stop(): void;
}

const ACTIVATE_TIMEOUT_MS = 1_000;

type Perform = Exclude<SupervisorOutput, DriverOutput>;

/** One recovery supervisor. A function of its ports: the process and the simulator run the same. */
export function createSupervisor(config: SupervisorConfig, ports: SupervisorPorts): Supervisor {
  const { clock, random, post } = ports;
  const subjects = subjectsOf(post.cluster);
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  const core = new SupervisorCore(config);
  const perform = (output: Perform): void => {
    ports.onNotice?.(output.kind, { ...output });
    if (output.kind === "grant") {
      const { epoch, checkpoint } = output.lease;
      const command = encodeStateCommand({ kind: "grantLease", value: { epoch, checkpoint, holder: output.holder } });
      replicator.update(command, { idempotent: true }, (outcome) =>
        driver.complete({
          kind: "decided",
          result: outcome.kind === "result" ? leaseResult(outcome.result) : undefined,
        }),
      );
      return;
    }
    const { epoch, node } = output;
    const body = { kind: "activate", value: { epoch, node } } as const;
    post.request(subjects.activate(node), body, "activateReply", ACTIVATE_TIMEOUT_MS, (outcome) =>
      driver.complete({
        kind: "activated",
        epoch,
        outcome: outcome.kind === "reply" ? outcome.value.outcome : undefined,
      }),
    );
  };
  const driver: Driver<SupervisorInput, Perform> = new Driver({ core, clock, random, perform });
  const subscription = post.subscribe(subjects.lease(config.node), "leaseNotice", ({ value }) => {
    if (value.lease !== undefined) driver.submit({ kind: "notice", lease: value.lease });
  });
  driver.submit({ kind: "start" });
  return {
    status: () => ({
      lease: core.lease,
      tracker: tracker.status,
      counters: { ...post.counters, refused: driver.refused },
    }),
    stop: () => {
      subscription.unsubscribe();
      driver.stop();
      replicator.stop();
      tracker.stop();
    },
  };
}

function leaseResult(bytes: Uint8Array): LeaseResult | undefined {
  try {
    const result = decodeStateResult(bytes);
    return result.kind === "lease" ? result.value : undefined;
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}
