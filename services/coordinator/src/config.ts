import { commonFields, defineConfig } from "@halon/service-kit";
import { z } from "zod";
import { COORDINATOR_DEFAULTS } from "./coordinator-core.ts";
import { EXCLUSIVE_BOUND_MS, HEAL_MS } from "./rules/node-unreachable.ts";

/** Renewals that fit into a lease at least: one may be lost, and one late. */
const RENEWALS_MIN = 3;

/** What a coordinator is told. */
export const coordinatorConfig = defineConfig({
  service: "coordinator",
  about: "the one brain: runs the rules over the replicated state, for one epoch at a time",
  schema: z
    .strictObject({
      ...commonFields,
      mode: z.enum(["process", "resident"]).default("process").meta({
        description: "process: runs the epoch it is started with, then ends. resident: waits for its node's agent",
      }),
      epoch: z.int().min(1).optional().meta({ description: "Epoch to run; the agent sets it. Only in mode process" }),
      leaseMs: z
        .int()
        .min(500)
        .max(60_000)
        .default(COORDINATOR_DEFAULTS.leaseMs)
        .meta({ description: "Span of the lease, the same as for the supervisors", unit: "ms" }),
      renewMs: z
        .int()
        .min(50)
        .max(20_000)
        .default(COORDINATOR_DEFAULTS.renewMs)
        .meta({ description: "Between checkpoints when nothing happens", unit: "ms" }),
      boundMs: z.int().min(1_000).max(60_000).default(EXCLUSIVE_BOUND_MS).meta({
        description:
          "Longest that an exclusive instance runs on without acknowledgements; the same in the whole cluster",
        unit: "ms",
      }),
      healMs: z
        .int()
        .min(100)
        .max(60_000)
        .default(HEAL_MS)
        .meta({ description: "Until a node that too few accuse gets a new session", unit: "ms" }),
    })
    .refine(({ mode, epoch }) => mode === "process" || epoch === undefined, {
      path: ["epoch"],
      message: "only in mode process: in mode resident the node's agent tells it. Leave it out",
    })
    .refine(({ leaseMs, renewMs }) => leaseMs >= RENEWALS_MIN * renewMs, {
      path: ["renewMs"],
      message: `${RENEWALS_MIN} renewals must fit into a lease: lower it, or raise leaseMs`,
    }),
});

export type CoordinatorProcessConfig = z.output<typeof coordinatorConfig.schema>;
