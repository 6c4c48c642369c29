import type { BodyKind } from "./messages.ts";

/** Names of clusters, nodes and services: 1 to 64 characters of `A-Z a-z 0-9 _ -`, so that they can stand in a subject. */
export const isName = (text: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(text);

/** The subjects of one cluster. All arguments are names, see {@link isName}. */
export const subjectsOf = (cluster: string) => {
  const prefix = `halon.${cluster}`;
  return {
    /** To all stations, from the one that leads or stands. */
    stationsLog: `${prefix}.station.log`,
    stationLog: (station: string) => `${prefix}.station.${station}.log`,
    stationSubmit: (station: string) => `${prefix}.station.${station}.submit`,
    stationQuery: (station: string) => `${prefix}.station.${station}.query`,
    stationWatch: (station: string) => `${prefix}.station.${station}.watch`,
    /** Any station answers. */
    directory: `${prefix}.directory`,
    announce: (role: string) => `${prefix}.announce.${role}`,
    lease: (station: string) => `${prefix}.lease.${station}`,
    /** The port of entry: one of the transponders answers. */
    report: `${prefix}.report`,
    transponderReport: (node: string) => `${prefix}.transponder.${node}.report`,
    /** One of the transponders takes the job. */
    batch: `${prefix}.batch`,
    heartbeat: (monitor: string) => `${prefix}.monitor.${monitor}.heartbeat`,
    probe: (monitor: string) => `${prefix}.monitor.${monitor}.probe`,
    /** To itself: what a monitor hears of its own tells it whether it hears at all. */
    loopback: (monitor: string) => `${prefix}.monitor.${monitor}.loopback`,
    acks: (node: string) => `${prefix}.agent.${node}.ack`,
    command: (node: string) => `${prefix}.agent.${node}.command`,
    activate: (node: string) => `${prefix}.agent.${node}.activate`,
    /** A coordinator that waits on the node, as a process that its agent does not start. */
    residentCoordinator: (node: string) => `${prefix}.resident.${node}.coordinator`,
    health: (node: string, service: string) => `${prefix}.health.${node}.${service}`,
  } as const;
};
export type Subjects = ReturnType<typeof subjectsOf>;

/** One row of the table of subjects in `README.md`. */
export interface SubjectRow {
  readonly subject: string;
  readonly kind: BodyKind;
  readonly reply?: BodyKind;
  readonly sender: string;
  readonly receiver: string;
  readonly limit: string;
}

const s = subjectsOf("CLUSTER");

/** Who says what to whom. A test holds this table, the README and the code against each other. */
export const SUBJECT_TABLE: readonly SubjectRow[] = [
  { subject: s.stationsLog, kind: "log", sender: "station-replica", receiver: "station-replica", limit: "600 KiB" },
  {
    subject: s.stationLog("STATION"),
    kind: "log",
    sender: "station-replica",
    receiver: "station-replica",
    limit: "600 KiB",
  },
  {
    subject: s.stationSubmit("STATION"),
    kind: "submit",
    reply: "submitReply",
    sender: "any service",
    receiver: "station-replica",
    limit: "512 KiB, 2 048 commands",
  },
  {
    subject: s.stationQuery("STATION"),
    kind: "query",
    reply: "queryReply",
    sender: "any service",
    receiver: "station-replica",
    limit: "page of 512 KiB, of entries or packed",
  },
  {
    subject: s.stationWatch("STATION"),
    kind: "watch",
    reply: "watchReply",
    sender: "any client",
    receiver: "station-replica",
    limit: "256 waiting, changes of 512 KiB",
  },
  {
    subject: s.directory,
    kind: "directoryRequest",
    reply: "directory",
    sender: "any service",
    receiver: "station-replica (queue group)",
    limit: "one at a time",
  },
  {
    subject: s.announce("ROLE"),
    kind: "announce",
    sender: "station-replica, transponder, monitor",
    receiver: "station-replica",
    limit: "1/s and at changes",
  },
  {
    subject: s.lease("STATION"),
    kind: "leaseNotice",
    sender: "station-replica",
    receiver: "recovery-supervisor",
    limit: "one per renewal",
  },
  {
    subject: s.report,
    kind: "report",
    reply: "reportAck",
    sender: "node-agent, monitor",
    receiver: "transponder (queue group)",
    limit: "256 events",
  },
  {
    subject: s.transponderReport("NODE"),
    kind: "report",
    reply: "reportAck",
    sender: "node-agent, monitor",
    receiver: "transponder",
    limit: "256 events",
  },
  {
    subject: s.batch,
    kind: "batch",
    reply: "batchReply",
    sender: "coordinator",
    receiver: "transponder (queue group)",
    limit: "256 commands",
  },
  {
    subject: s.heartbeat("MONITOR"),
    kind: "heartbeat",
    sender: "node-agent",
    receiver: "monitor",
    limit: "1/s per node",
  },
  {
    subject: s.probe("MONITOR"),
    kind: "probe",
    reply: "probeReply",
    sender: "monitor",
    receiver: "monitor",
    limit: "2 per suspicion",
  },
  {
    subject: s.loopback("MONITOR"),
    kind: "heartbeat",
    sender: "monitor",
    receiver: "the same monitor",
    limit: "2/s, and one per suspicion",
  },
  { subject: s.acks("NODE"), kind: "heartbeatAck", sender: "monitor", receiver: "node-agent", limit: "3/s per node" },
  {
    subject: s.command("NODE"),
    kind: "command",
    reply: "commandReply",
    sender: "transponder, coordinator",
    receiver: "node-agent",
    limit: "one per decision",
  },
  {
    subject: s.activate("NODE"),
    kind: "activate",
    reply: "activateReply",
    sender: "recovery-supervisor",
    receiver: "node-agent",
    limit: "5/s",
  },
  {
    subject: s.residentCoordinator("NODE"),
    kind: "activate",
    reply: "activateReply",
    sender: "node-agent",
    receiver: "coordinator",
    limit: "5/s",
  },
  {
    subject: s.health("NODE", "SERVICE"),
    kind: "healthRequest",
    reply: "health",
    sender: "the service's own binary",
    receiver: "every service",
    limit: "one at a time",
  },
];
