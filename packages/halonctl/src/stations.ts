import { setTimeout as pause } from "node:timers/promises";
import { show, type Task } from "./commands.ts";
import type { ChangeReply, StationsReply } from "./replies.ts";
import { table } from "./table.ts";
import { harmless, type Paint } from "./terminal.ts";

/** Nodes; empty for none. */
export interface StationChange {
  readonly add: string;
  readonly remove: string;
}

/** A station that is being waited for is looked at this often. */
const LOOK_MS = 1_000;
/** Refusals that time can cure, and how long they are borne at most: who was just started, or just leads, has to be heard first. */
const PATIENCE_MS: Readonly<Record<string, number>> = {
  "not-caught-up": Number.POSITIVE_INFINITY,
  "not-heard": 30_000,
  "no-quorum": 5_000,
};

/** `halonctl station list`. */
export async function stationList(task: Task): Promise<void> {
  const reply = await task.client.listStations();
  show(task, reply, () => renderStations(task.paint, reply));
}

function renderStations(paint: Paint, { stations, leader, station, applied }: StationsReply): string {
  const newest = Math.max(applied, ...stations.map((each) => each.applied));
  const rows = stations.map(({ node, member, votes, role, applied: own }) => [
    harmless(node),
    harmless(member),
    votes ? paint("green", "yes") : paint("yellow", "no"),
    role === "" ? paint("red", "silent") : harmless(role),
    role === "" ? "-" : String(own),
    role === "" ? "-" : String(newest - own),
  ]);
  const head = ["NODE", "MEMBER", "VOTES", "ROLE", "APPLIED", "BEHIND"];
  const leads = leader === "" ? paint("red", "nobody leads: nothing is decided") : `${harmless(leader)} leads`;
  return `${table(paint, head, rows)}As ${harmless(station)} knows it; ${leads}.\n`;
}

/** Resolves with whether it is as it should be: otherwise it has been said why not. Waits `waitMs` for a station to catch up. */
export async function changeStations(task: Task, change: StationChange, waitMs: number): Promise<boolean> {
  const { client, world, isJson } = task;
  const beganMs = performance.now();
  let said = "";
  for (;;) {
    const reply = await client.changeStations(change);
    const isDone = reply.outcome === "changed" || reply.outcome === "unchanged";
    const spentMs = performance.now() - beganMs;
    if (!isDone && spentMs < Math.min(waitMs, PATIENCE_MS[reply.outcome] ?? 0)) {
      const progress = await progressOf(task, change, reply);
      if (progress !== said) world.err.write(`${progress}\n`);
      said = progress;
      await pause(LOOK_MS);
      continue;
    }
    if (isJson || isDone) show(task, reply, () => renderChange(change, reply));
    if (isDone) warn(task, reply);
    else world.err.write(`halonctl: ${harmless(reply.message)}\n`);
    return isDone;
  }
}

/** What is waited for, in a line. */
async function progressOf(
  { client }: Task,
  { add }: StationChange,
  { outcome, message }: ChangeReply,
): Promise<string> {
  if (outcome !== "not-caught-up") return `waiting: ${harmless(message)}`;
  const { stations } = await client.listStations();
  const own = stations.find(({ node, votes, role }) => node === add && !votes && role !== "")?.applied ?? 0;
  const newest = Math.max(...stations.map(({ applied }) => applied));
  return `waiting: ${harmless(add)} has applied ${own} of ${newest} decrees …`;
}

function renderChange({ add, remove }: StationChange, { outcome, members }: ChangeReply): string {
  const voters = `Stations that vote: ${members.map(harmless).join(", ")}.\n`;
  if (outcome === "unchanged") return `Nothing to change. ${voters}`;
  const added = add === "" ? "" : `${harmless(add)} votes now`;
  const removed = remove === "" || remove === add ? "" : `${harmless(remove)} does not vote any more`;
  return `${[added, removed].filter((text) => text !== "").join(", ")}. ${voters}`;
}

/** An even number is allowed, and hardly ever meant. */
function warn({ world }: Task, { members }: ChangeReply): void {
  const count = members.length;
  if (count === 0 || (count > 1 && count % 2 === 1)) return;
  const what =
    count === 1
      ? "one station tolerates no failure: add two"
      : count === 2
        ? "two tolerate no failure: add a third one"
        : `${count} tolerate as many failures as ${count - 1}: add one or remove one`;
  world.err.write(`halonctl: warning: ${what}\n`);
}
