import { join } from "node:path";
import { createMembership, MembershipError } from "@halon/consensus";
import { inspectJournal } from "@halon/journal-file";
import { JournalError } from "@halon/runtime";
import { type CommandContext, EXIT_CODE_MISTAKE } from "@halon/service-kit";
import { checkStore, soundText } from "./check-store.ts";
import type { StationConfig } from "./config.ts";
import { found, JOURNAL_DIR, mintIncarnation, renew, STORE_DIR } from "./founding.ts";
import { formatIdentity, foundingIdentity, type Identity, IdentityError, memberOf, readIdentity } from "./identity.ts";

const EXIT_CODE_FAILURE = 1;

function refuse(message: string, code: number): number {
  process.stderr.write(`station-replica: ${message}\n`);
  return code;
}

/** `init`: founds this member, prints the id of its group. */
export async function init({ config, random, print }: CommandContext<StationConfig>): Promise<number> {
  const { cluster, node, members, stateDir } = config;
  if (members === undefined)
    return refuse("init needs --members: the nodes of all members, such as a,b,c", EXIT_CODE_MISTAKE);
  if (!members.includes(node))
    return refuse(`${node} is not among the members ${members.join(", ")}: give --node`, EXIT_CODE_MISTAKE);
  const clusterId = config.clusterId ?? Array.from({ length: 4 }, () => mintIncarnation(random)).join("");
  try {
    createMembership(members);
    await found(stateDir, foundingIdentity({ cluster, clusterId }, node, members));
  } catch (error) {
    if (error instanceof MembershipError) return refuse(error.message, EXIT_CODE_MISTAKE);
    if (error instanceof IdentityError) return refuse(error.message, EXIT_CODE_FAILURE);
    throw error;
  }
  print(clusterId);
  return 0;
}

/**
 * `adopt`: the directory is this node's from now on, whosever it was and wherever it comes from. As what was promised with
 * it since is not known, it joins as a new incarnation; what is in it is put aside.
 */
export async function adopt({ config, random, print }: CommandContext<StationConfig>): Promise<number> {
  const { cluster, node: name, clusterId, stateDir } = config;
  try {
    const before = readIdentity(stateDir, { cluster, clusterId }, { isMoved: true });
    const identity: Identity = {
      cluster,
      clusterId: before.clusterId,
      name,
      incarnation: mintIncarnation(random),
      stage: "joining",
    };
    await assertIdle(stateDir);
    await renew(stateDir, identity, before.incarnation);
    print(`${memberOf(identity)} joins in the place of ${memberOf(before)}, whose votes are void`);
    return 0;
  } catch (error) {
    if (error instanceof IdentityError || error instanceof JournalError)
      return refuse(error.message, EXIT_CODE_MISTAKE);
    throw error;
  }
}

/** Throws `in-use` while a station runs with the directory. Whatever else is wrong with its journal is of no interest any more. */
async function assertIdle(dir: string): Promise<void> {
  try {
    await inspectJournal(join(dir, JOURNAL_DIR));
  } catch (error) {
    if (!(error instanceof JournalError) || error.code === "in-use") throw error;
  }
}

/** `check-store`: reads through the applied state. */
export async function checkStoreCommand({ config, print }: CommandContext<StationConfig>): Promise<number> {
  const { cluster, node: name, clusterId, stateDir } = config;
  let checked: Awaited<ReturnType<typeof checkStore>>;
  try {
    const identity = readIdentity(stateDir, { cluster, name, clusterId }, { isMoved: true });
    checked = await checkStore(join(stateDir, STORE_DIR), formatIdentity(identity), { withNotes: false });
  } catch (error) {
    if (error instanceof IdentityError) return refuse(error.message, EXIT_CODE_MISTAKE);
    throw error;
  }
  if ("damage" in checked) return refuse(checked.damage, EXIT_CODE_FAILURE);
  print(soundText(checked));
  return 0;
}
