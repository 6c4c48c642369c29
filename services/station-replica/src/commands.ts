import { createMembership, MembershipError } from "@halon/consensus";
import { type CommandContext, EXIT_CODE_MISTAKE } from "@halon/service-kit";
import { checkStore } from "./check-store.ts";
import type { StationConfig } from "./config.ts";
import { found } from "./founding.ts";
import { IdentityError, readIdentity } from "./identity.ts";

const EXIT_CODE_FAILURE = 1;

function refuse(message: string, code: number): number {
  process.stderr.write(`station-replica: ${message}\n`);
  return code;
}

/** `init`: founds this member, prints the id of its group. */
export async function init({ config, random, print }: CommandContext<StationConfig>): Promise<number> {
  const { cluster, node: member, members, stateDir } = config;
  if (members === undefined)
    return refuse("init needs --members: the nodes of all members, such as a,b,c", EXIT_CODE_MISTAKE);
  if (!members.includes(member))
    return refuse(`${member} is not among the members ${members.join(", ")}: give --node`, EXIT_CODE_MISTAKE);
  const word = (): string => random.u32().toString(16).padStart(8, "0");
  const clusterId = config.clusterId ?? word() + word() + word() + word();
  try {
    createMembership(members);
    await found(stateDir, { cluster, clusterId, member, members });
  } catch (error) {
    if (error instanceof MembershipError) return refuse(error.message, EXIT_CODE_MISTAKE);
    if (error instanceof IdentityError) return refuse(error.message, EXIT_CODE_FAILURE);
    throw error;
  }
  print(clusterId);
  return 0;
}

/** `check-store`: reads through the applied state. */
export async function checkStoreCommand({ config, print }: CommandContext<StationConfig>): Promise<number> {
  const { cluster, node: member, clusterId, stateDir } = config;
  let checked: Awaited<ReturnType<typeof checkStore>>;
  try {
    checked = await checkStore(stateDir, readIdentity(stateDir, { cluster, member, clusterId }));
  } catch (error) {
    if (error instanceof IdentityError) return refuse(error.message, EXIT_CODE_MISTAKE);
    throw error;
  }
  if ("damage" in checked) return refuse(checked.damage, EXIT_CODE_FAILURE);
  print(`sound: ${checked.entries} entries`);
  return 0;
}
