import { join } from "node:path";
import { createMembership } from "@halon/consensus";
import { openJournalFile } from "@halon/journal-file";
import { Paxos } from "@halon/paxos";
import { Post, subjectsOf } from "@halon/proto";
import { LogMember } from "@halon/replicator";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import { openTransportNats } from "@halon/transport-nats";
import { putMachine } from "./put-machine.ts";

/**
 * A station for measuring: the log of a station, from bus to disk, under a state machine that does next to nothing.
 * Arguments: cluster, own name, names of all, address of NATS, directory. Writes a line when it is ready.
 */
const [cluster = "", self = "", names = "", natsUrl = "", dir = ""] = process.argv.slice(2);

const journal = await openJournalFile({ dir: join(dir, "journal"), identity: self, mode: "create" });
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
    consensus: new Paxos({ group: cluster, self, membership: createMembership(names.split(",")) }),
    machine: putMachine,
  },
  {
    clock,
    random,
    journal,
    store,
    send: (to, bytes) =>
      post.publish(to === "all" ? subjects.stationsLog : subjects.stationLog(to), { kind: "log", value: { bytes } }),
  },
);
const nodeOf = (sender: string): string => sender.slice(0, sender.indexOf("."));
for (const subject of [subjects.stationsLog, subjects.stationLog(self)])
  post.subscribe(subject, "log", ({ value, header }) => {
    if (nodeOf(header.sender) !== self) member.receive(nodeOf(header.sender), value.bytes);
  });
post.subscribe(subjects.stationSubmit(self), "submit", ({ value, respond }) =>
  member.submit(value.bytes, (bytes) => respond?.({ kind: "submitReply", value: { bytes } })),
);
member.start();
process.once("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");
