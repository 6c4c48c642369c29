import { commonFields, defineConfig } from "@halon/service-kit";
import { z } from "zod";
import { MONITOR_DEFAULTS } from "./core/monitor-core.ts";

/** What a monitor is told. */
export const monitorConfig = defineConfig({
  service: "monitor",
  about: "watches nodes, and accuses those that it cannot hear",
  schema: z.strictObject({
    ...commonFields,
    suspicionMs: z.int().min(2_000).max(60_000).default(MONITOR_DEFAULTS.suspicionMs).meta({
      description: "Silence of a node that makes a suspicion: more than a gap in hearing takes to show",
      unit: "ms",
    }),
    driftRatio: z
      .number()
      .min(0)
      .max(0.5)
      .default(MONITOR_DEFAULTS.driftRatio)
      .meta({ description: "Bound on the difference of clock rates between machines" }),
  }),
});
