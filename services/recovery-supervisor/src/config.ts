import { commonFields, defineConfig, nameField } from "@halon/service-kit";
import { z } from "zod";
import { SUPERVISOR_DEFAULTS } from "./supervisor-core.ts";

const STATIONS_MAX = 15;

/** What a supervisor is told. */
export const definition = defineConfig({
  service: "recovery-supervisor",
  about: "sees to it that exactly one coordinator acts: elects a node when the lease has lapsed",
  schema: z.strictObject({
    ...commonFields,
    stations: z
      .array(nameField())
      .min(1)
      .max(STATIONS_MAX)
      .meta({ description: "All station nodes, this one among them; the same list and order for every supervisor" }),
    leaseMs: z
      .int()
      .min(500)
      .max(60_000)
      .default(SUPERVISOR_DEFAULTS.leaseMs)
      .meta({ description: "Span of the coordinator's lease, as the coordinators have it", unit: "ms" }),
    startAllowanceMs: z
      .int()
      .min(500)
      .max(60_000)
      .default(SUPERVISOR_DEFAULTS.startAllowanceMs)
      .meta({ description: "What a new coordinator gets until its first checkpoint", unit: "ms" }),
    staggerMs: z
      .int()
      .min(0)
      .max(10_000)
      .default(SUPERVISOR_DEFAULTS.staggerMs)
      .meta({ description: "Between the turns of two supervisors", unit: "ms" }),
  }),
});

export type SupervisorProcessConfig = z.output<typeof definition.schema>;
