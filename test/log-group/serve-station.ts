import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createMembership, memberName } from "@halon/consensus";
import { openJournalFile } from "@halon/journal-file";
import { Paxos } from "@halon/paxos";
import { Post, subjectsOf } from "@halon/proto";
import { digestOf, readState, type StateMachine } from "@halon/replicated-log";
import { LogMember } from "@halon/replicator";
import { systemClock as clock, systemRandom as random, type Store } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import { openTransportNats } from "@halon/transport-nats";
import { StallMeter } from "./stall-meter.ts";
import type { StationAnswer, StationConfig, StationQuestion, StationState, StationStatus } from "./station-messages.ts";

const POLL_MS = 10;

/** How a submission gets to the log. */
export type Submit = (member: LogMember, submission: Uint8Array, reply: (bytes: Uint8Array) => void) => void;

/**
 * The log of a station, from bus to disk, under a state machine of the caller's. Who started this process asks it over
 * the channel between them, and it ends with that.
 */
export async function serveStation(
  config: StationConfig,
  machine: StateMachine,
  submit: Submit = (member, submission, reply) => member.submit(submission, reply),
): Promise<void> {
  const meter = new StallMeter();
  const answer = (message: StationAnswer): void => void process.send?.(message);

  const { member, store } = await openMember(config, machine, submit);
  member.start();
  do await wait(POLL_MS);
  while (member.status.phase === "restoring");
  const { longestMs: startStallMs } = meter.stalls;
  meter.reset();

  function statusNow(): StationStatus {
    const { role, leader, phase, applied, trimmed, installs, diverged, undecided, damaged } = member.status;
    const { rounds, receivedBytes } = member.status.installing;
    const faults = diverged + undecided + damaged;
    const transfer = { installs, rounds, receivedBytes };
    const { longestMs: stallMs, longestOwnMs: stallOwnMs } = meter.stalls;
    return { role, leader, phase, applied, trimmed, ...transfer, faults, stallMs, stallOwnMs, startStallMs };
  }
  process.on("message", (question: StationQuestion) => {
    const { kind, token } = question;
    switch (kind) {
      case "status":
        answer({ kind, token, status: statusNow() });
        if (question.reset) meter.reset();
        return;
      case "state":
        return answer({ kind, token, state: stateIn(store) });
      case "submit":
        return submit(member, question.bytes, (bytes) => answer({ kind, token, bytes }));
      default:
        question satisfies never;
    }
  });
  process.once("disconnect", () => process.exit(0));
  answer({ kind: "ready" });
}

function stateIn(store: Store): StationState {
  const { applied, digest } = readState(store);
  return { applied, digest: digest ?? "", digestRead: digestOf(store) };
}

/** Not started yet; on the bus already. */
async function openMember(
  config: StationConfig,
  machine: StateMachine,
  submit: Submit,
): Promise<{ readonly member: LogMember; readonly store: Store }> {
  const { cluster, self, dir, members, natsUrl, snapshotBytes } = config;
  const journalDir = join(dir, "journal");
  const isNew = !existsSync(journalDir);
  const journal = await openJournalFile({ dir: journalDir, identity: self, mode: isNew ? "create" : "existing" });
  const store = await openStoreLmdb({ dir: join(dir, "store"), identity: self });
  for (const part of [journal, store])
    part.onFailure((error) => {
      throw error;
    });
  const transport = await openTransportNats({ servers: [natsUrl], name: `${self}.station` });
  const post = new Post(transport, random, { cluster, sender: `${self}.station` });
  const subjects = subjectsOf(cluster);
  const member = new LogMember(
    {
      self,
      consensus: new Paxos({
        ...{ group: cluster, self },
        // As by default: half of what the journal may grow by.
        ...(snapshotBytes !== undefined && { openBytesMax: snapshotBytes / 2 }),
      }),
      machine,
      onLeader: (leader = "") => {
        const value = { role: "station", node: self, members, leader };
        post.publish(subjects.announce("station"), { kind: "announce", value });
      },
      founding: createMembership(members),
      ...(snapshotBytes !== undefined && { snapshotBytes }),
    },
    {
      clock,
      random,
      journal,
      store,
      send: (to, bytes) => {
        const subject = to === "all" ? subjects.stationsLog : subjects.stationLog(memberName(to));
        post.publish(subject, { kind: "log", value: { bytes } });
      },
    },
  );
  const nodeOf = (sender: string): string => sender.slice(0, sender.indexOf("."));
  for (const subject of [subjects.stationsLog, subjects.stationLog(self)])
    post.subscribe(subject, "log", ({ value, header }) => {
      if (nodeOf(header.sender) !== self) member.receive(nodeOf(header.sender), value.bytes);
    });
  post.subscribe(subjects.stationSubmit(self), "submit", ({ value, respond }) =>
    submit(member, value.bytes, (bytes) => respond?.({ kind: "submitReply", value: { bytes } })),
  );
  return { member, store };
}
