import { type Bound, round } from "./bench.ts";
import type { Figures } from "./series.ts";

/** What the replicated log is to reach. */
export const LOG_BOUNDS: readonly Bound[] = [
  { figure: "ratio_etcd_p50_1", atMost: 1 },
  { figure: "ratio_etcd_1000", atLeast: 10 },
  { figure: "ratio_zookeeper_1000", atLeast: 5 },
  { figure: "ratio_jetstream_1000", atLeast: 3, note: "jetstream does not fsync before it answers" },
  { figure: "ratio_etcd_p99_1000", atMost: 0.25 },
  { figure: "ratio_etcd_100x10", atLeast: 3 },
  { figure: "ratio_etcd_reads", atLeast: 5 },
  { figure: "leader_failover_max_ms", atMost: 1_000 },
];

/** What both have, ours over theirs, under the name of the ratio. */
const RATIOS: Readonly<Record<string, string>> = {
  p50_1: "p50_ms_1",
  "1000": "per_s_1000",
  p99_1000: "p99_ms_1000",
  "100x10": "per_s_100x10",
  reads: "reads_per_s",
};
const PEERS = ["etcd", "zookeeper", "jetstream"] as const;

/** Ratios of those figures that are there. */
export function ratiosOf(figures: Figures): Figures {
  const ratios: Record<string, number> = {};
  for (const peer of PEERS)
    for (const [name, figure] of Object.entries(RATIOS)) {
      const [ours, theirs] = [figures[figure], figures[`${peer}_${figure}`]];
      if (ours !== undefined && theirs) ratios[`ratio_${peer}_${name}`] = round(ours / theirs);
    }
  return ratios;
}
