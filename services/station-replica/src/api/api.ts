import type { Logger } from "@halon/service-kit";
import { Listening } from "./listening.ts";
import { openHandlers, type StationAccess } from "./open-handlers.ts";

export interface ApiPorts extends StationAccess {
  readonly log: Logger;
}

export interface Api {
  /** For the health answer: where it listens, or why it does not, and where it knows the leader to be. */
  readonly status: () => Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * Serves operators at `address`. Every station does: what they submit goes to the leader, wherever it is. A taken port
 * keeps no station from voting; it is said, and tried again. Resolves after the first try.
 */
export async function openApi(node: string, address: string, ports: ApiPorts): Promise<Api> {
  const { handlers, tracker, stop } = openHandlers(node, ports);
  const listening = new Listening(handlers, address, { clock: ports.clock, log: ports.log });
  await listening.begin();
  return {
    status: () => ({ ...listening.status, tracker: tracker.status }),
    stop: async () => {
      await listening.stop();
      stop();
    },
  };
}
