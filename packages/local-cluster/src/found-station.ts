import { type ClusterFacts, serviceCommand } from "./agent-config.ts";
import type { Foundation } from "./founding.ts";
import { LocalError } from "./local-error.ts";
import { runQuietly } from "./machine.ts";
import { planNodes } from "./node-plan.ts";
import type { StateDir } from "./state-dir.ts";

/** Founds one station's directory, as the program that will run with it. Throws {@link LocalError}. */
export async function foundStation(
  station: string,
  foundation: Foundation,
  root: string,
  dir: StateDir,
): Promise<void> {
  const { cluster, clusterId, shape } = foundation;
  const members = planNodes(shape).flatMap(({ name, kind }) => (kind === "station" ? [name] : []));
  const facts: ClusterFacts = { cluster, clusterId, stations: members, natsUrls: [], root, dir };
  const flags = ["--cluster", cluster, "--node", station, "--members", members.join(","), "--cluster-id", clusterId];
  const command = [...serviceCommand(facts, "station-replica"), "init", ...flags, "--state-dir", dir.station(station)];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HALON_")));
  const { code, output } = await runQuietly(command, env);
  if (code !== 0) throw new LocalError(`founding ${station} failed (exit ${code}): ${output.trim()}`);
}
