import type { ServiceContext } from "@halon/service-kit";
import { checkStoreApart } from "./check-apart.ts";
import type { StationConfig } from "./config.ts";
import { type Data, openData } from "./open-data.ts";
import { refuseDirectory, rejoin, remainMute } from "./rejoin.ts";
import { takePart } from "./take-part.ts";

/** The station as a process: opens the data directory and takes part, or joins anew, or says why it does neither. */
export async function startStation(context: ServiceContext<StationConfig>): Promise<void> {
  const open = (): Promise<Data> => {
    const { cluster, node: name, clusterId, stateDir } = context.config;
    return openData(stateDir, { cluster, name, clusterId }, checkStoreApart);
  };
  const data = await open();
  if (data.kind === "opened") return takePart(context, data);
  if (data.kind === "foreign") return refuseDirectory(context, data.why);
  if (context.config.rejoin === "off") return remainMute(context, data.why);
  rejoin(context, data, async () => {
    const renewed = await open();
    if (renewed.kind === "opened") return takePart(context, renewed);
    refuseDirectory(context, renewed.why);
  });
}
