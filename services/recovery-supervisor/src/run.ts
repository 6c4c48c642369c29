import { EXIT_CODE_MISTAKE, type ServiceContext } from "@halon/service-kit";
import type { SupervisorProcessConfig } from "./config.ts";
import { createSupervisor } from "./service.ts";
import { SUPERVISOR_DEFAULTS } from "./supervisor-core.ts";

/** The supervisor as a process. */
export function startSupervisor(context: ServiceContext<SupervisorProcessConfig>): void {
  const { config, log, transport, post, clock, random, onStop, onHealth, stop } = context;
  const { node, stations, leaseMs, startAllowanceMs, staggerMs } = config;
  if (!stations.includes(node)) {
    const mistake = `${node} is none of the stations ${stations.join(", ")}: a supervisor runs on each of them, and nowhere else`;
    log.fatal(mistake);
    return stop(mistake, EXIT_CODE_MISTAKE);
  }
  const { driftRatio } = SUPERVISOR_DEFAULTS;
  const supervisor = createSupervisor(
    { node, stations, leaseMs, driftRatio, startAllowanceMs, staggerMs },
    { clock, random, post, onNotice: (text, facts) => log.info(facts, text) },
  );
  onStop("the supervisor", () => supervisor.stop());
  onHealth(() => ({ healthy: transport.connected, ...supervisor.status() }));
}
