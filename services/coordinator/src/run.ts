import { EXIT_CODE_MISTAKE, type ServiceContext } from "@halon/service-kit";
import type { CoordinatorProcessConfig } from "./config.ts";
import { Resident } from "./resident.ts";
import { type Coordinator, createCoordinator } from "./service.ts";

/** Of a process whose epoch is over by itself: another one is in force, or will be. */
const EXIT_CODE_EPOCH_OVER = 3;

/** The coordinator as a process. */
export function startCoordinator(context: ServiceContext<CoordinatorProcessConfig>): void {
  const { config, log, transport, post, clock, random, onStop, onHealth, stop } = context;
  const { node, mode, leaseMs, renewMs, boundMs, healMs } = config;
  const vars = { exclusiveBoundMs: boundMs, healMs };
  const run = (epoch: number, onEpochOver: (reason: string) => void): Coordinator => {
    const epochLog = log.child({ epoch });
    epochLog.info(`epoch ${epoch} begins`);
    return createCoordinator(
      { node, epoch, vars, leaseMs, renewMs },
      {
        clock,
        random,
        post,
        onNotice: (text, facts) => epochLog.info(facts, text),
        onStop: (reason) => {
          epochLog.warn(`epoch ${epoch} is over: ${reason}`);
          onEpochOver(reason);
        },
      },
    );
  };
  if (mode === "resident") {
    const resident = new Resident(node, { post, run });
    onStop("the coordinator", () => resident.stop());
    return onHealth(() => ({ healthy: transport.connected, mode, ...resident.status }));
  }
  const { epoch } = config;
  // Not a matter of the configuration: `health` needs none.
  if (epoch === undefined) {
    const mistake = "epoch is not set: the node's agent sets HALON_EPOCH; to wait for it, choose mode resident";
    log.fatal(mistake);
    return stop(mistake, EXIT_CODE_MISTAKE);
  }
  const coordinator = run(epoch, (reason) => stop(reason, EXIT_CODE_EPOCH_OVER));
  onStop("the coordinator", () => coordinator.stop());
  onHealth(() => ({ healthy: transport.connected, mode, ...coordinator.status() }));
}
