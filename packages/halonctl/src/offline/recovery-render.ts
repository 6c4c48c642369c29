import { quorumSize } from "@halon/consensus";
import { table } from "../table.ts";
import { harmless, type Paint } from "../terminal.ts";
import { isCopied, type Owner } from "./identity-file.ts";
import { facts, span } from "./output.ts";
import { lackingOf, type RecoveryPlan } from "./recovery-plan.ts";
import { isFenced, type StationDirectory } from "./station-directory.ts";

const names = (members: readonly string[]): string => (members.length === 0 ? "none" : members.join(", "));

/** What was found, for people. */
export function renderPlan(paint: Paint, stations: readonly StationDirectory[], plan: RecoveryPlan): string {
  const { recovery, state, from, last, positions } = plan;
  const { membership, present, missing, neededCount, pending, knownChosen } = recovery;
  const [{ cluster = "", clusterId = "" } = {}] = stations.map(({ owner }) => owner);
  const rows = positions.map(({ station, applied, why }) => [
    harmless(station.dir),
    station.owner.member,
    membership.members.includes(station.owner.member) ? "yes" : "no",
    String(station.witness.chosen),
    why === undefined ? (applied === 0 ? "none" : `up to ${applied}`) : `not usable: ${harmless(why)}`,
    isFenced(station) ? "yes" : "no",
  ]);
  const lines: [string, string][] = [
    ["group", `${cluster} (${clusterId}), legislature ${membership.legislature}: ${membership.members.join(", ")}`],
    ["present", `${names(present)}: ${present.length} of ${membership.members.length}, ${neededCount} needed`],
    ["missing", names(missing)],
  ];
  if (pending !== undefined)
    lines.push([
      "and maybe",
      `legislature ${pending.membership.legislature}: ${pending.membership.members.join(", ")}; present ${names(pending.present)}, ${pending.neededCount} needed`,
    ]);
  lines.push(
    ["known decided", `up to decree ${knownChosen}`],
    [
      "kept",
      `up to decree ${last}: ${state === undefined ? "" : `1 … ${from} in the applied state of ${state.owner.member}, `}${span(from + 1, last)} from the journals`,
    ],
    [
      "lost",
      plan.isComplete
        ? paint("green", "nothing that was ever acknowledged")
        : paint("red", `maybe all above decree ${knownChosen} that only the missing had`),
    ],
  );
  const notes = [
    ...(stations.some(isFenced)
      ? [
          `${paint("yellow", "An earlier recovery has ended this group already.")} If it was completed, start what it wrote, and do not recover again: that would be another history.`,
        ]
      : []),
    ...copiesNote(paint, stations),
  ];
  const noted = notes.map((note) => `\n${note}\n`).join("");
  const head = ["DIRECTORY", "MEMBER", "VOTES", "KNOWS UP TO", "APPLIED", "FENCED"];
  return `${table(paint, head, rows)}\n${facts(paint, lines)}${noted}`;
}

/** A promise that is written into a copy binds nobody who runs with the original. */
function copiesNote(paint: Paint, stations: readonly StationDirectory[]): readonly string[] {
  const copies = stations.filter(({ dir }) => isCopied(dir)).map(({ dir }) => harmless(dir));
  if (copies.length === 0) return [];
  return [
    `${paint("yellow", `Copies: ${copies.join(", ")}.`)} What ends the old group is written there, and not where they come from: make sure that no station ever runs with the originals.`,
  ];
}

/** What an incomplete recovery may lose, in sentences. */
export function lossOf(plan: RecoveryPlan): string {
  const { knownChosen } = plan.recovery;
  const lacking = lackingOf(plan);
  const missing = [...new Set(lacking.flatMap((each) => each.missing))];
  const why = lacking.map(
    ({ membership, present, neededCount }) =>
      `${present.length} of the ${membership.members.length} members of legislature ${membership.legislature} are here (${names(present)}), and ${neededCount} are needed.`,
  );
  const canDecide = lacking.some(({ membership, missing: absent }) => absent.length >= quorumSize(membership));
  const kept =
    plan.last > knownChosen
      ? ` Decrees ${span(knownChosen + 1, plan.last)} are kept as they were last accepted here, which need not be as they were decided.`
      : "";
  return (
    `${why.join(" ")} Everything acknowledged above decree ${knownChosen} that only ${missing.join(", ")} held may be lost.${kept}` +
    ` Add the directory of one of them${canDecide ? "; without it, make sure that they never run again: among themselves they can still decide" : ""}.`
  );
}

/** What a program is told. */
export const planResult = (stations: readonly StationDirectory[], plan: RecoveryPlan): object => {
  const { membership, present, missing, neededCount, pending, knownChosen } = plan.recovery;
  return {
    directories: plan.positions.map(({ station, applied, why }) => ({
      dir: station.dir,
      member: station.owner.member,
      chosen: station.witness.chosen,
      applied,
      ...(why !== undefined && { why }),
    })),
    oldClusterId: stations[0]?.owner.clusterId,
    membership,
    present,
    missing,
    neededCount,
    ...(pending !== undefined && { pending }),
    knownChosen,
    ...(plan.state !== undefined && { state: plan.state.owner.member }),
    from: plan.from,
    last: plan.last,
    complete: plan.isComplete,
    ...(!plan.isComplete && { loss: lossOf(plan) }),
  };
};

/** What was done, and what comes next. */
export function renderDone(plan: RecoveryPlan, { cluster, clusterId, member }: Owner, into: string): string {
  const name = member.slice(0, member.indexOf("."));
  const loss = plan.isComplete ? "" : `\nLoss was accepted. ${lossOf(plan)}\n`;
  return `
Done. ${into} is the directory of ${member}, the only member of the new group ${clusterId}.
${loss}
Next:
  1. Where stations are given HALON_CLUSTER_ID, make it ${clusterId}, for all of them.
  2. Start the station: HALON_CLUSTER=${cluster} HALON_NODE=${name} HALON_STATE_DIR=${into}
     Leave the directory where it is: a copy of it is refused.
  3. halonctl status: it leads, alone. Services can go on from here.
  4. The others, one after another: an empty directory, start the station, then halonctl station add NAME.
     Until there are three, one more failure is an outage; until there are two, a loss.
  5. Keep the old directories until then, and start no station with them: they take no part in anything any more.
`;
}
