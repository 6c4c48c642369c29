import { columns } from "./columns.ts";
import { type Recovery, recoveryText } from "./recoveries.ts";
import type { ClusterView, InstanceView, NodeView, ProcessView } from "./view.ts";

export interface TableInput {
  readonly cluster: string;
  readonly view: ClusterView;
  readonly recoveries: readonly Recovery[];
  /** Wall time of a moment on the clock of recoveries: `12:03:07`. */
  readonly timeText: (atMs: number) => string;
  /** Newest first. */
  readonly notices: readonly string[];
  /** Longer lines are cut. */
  readonly columnsMax: number;
}

/** The live picture of the cluster, line by line. */
export function renderTable(input: TableInput): readonly string[] {
  const { view, recoveries, notices, timeText } = input;
  const lines = [
    headline(input),
    "",
    ...columns([["NODE", "STATE", "SERVICES"], ...view.nodes.map((node) => nodeRow(node, view))]),
    "",
    ...columns([["INSTANCE", "NODE", "STATE", "ANSWERS", "URL"], ...view.instances.map(instanceRow)]),
    ...(recoveries.length === 0 ? [] : ["", "RECOVERIES"]),
    ...recoveries.map((each) => `${timeText(each.atMs)}  ${recoveryText(each)}`),
    ...(notices.length === 0 ? [] : ["", ...notices]),
  ];
  return lines.map((line) => cut(line, input.columnsMax));
}

const cut = (line: string, max: number): string =>
  line.length <= max ? line : `${line.slice(0, Math.max(0, max - 1))}…`;

function headline({ cluster, view }: TableInput): string {
  const { leader = "none", coordinator = "none", lease, nats, eventsQueued } = view;
  const broker = `${nats.url}${nats.isOurs ? "" : " (not ours)"} ${natsWord(view)}`;
  const epoch = lease === undefined ? "" : `, epoch ${lease.epoch}`;
  return [
    `Halon ${cluster}`,
    `leader ${leader}`,
    `coordinator ${coordinator}${epoch}`,
    `events waiting ${eventsQueued}`,
    broker,
  ].join(" · ");
}

function natsWord({ nats }: ClusterView): string {
  if (nats.isPaused) return "paused";
  if (nats.isOurs && nats.pid === 0) return "off";
  return nats.isConnected ? "connected" : "not connected";
}

function nodeRow(node: NodeView, view: ClusterView): readonly string[] {
  const state = node.isOff ? "off" : node.state;
  const role = (key: string): string => (key === "station-replica" && node.station ? ` (${roleText(node, view)})` : "");
  const shown = node.isOff ? node.services.filter(({ pid }) => pid !== 0) : node.services;
  return [node.name, state, shown.map((each) => `${each.key}${role(each.key)}${mark(each)}`).join(", ")];
}

const roleText = ({ name, station }: NodeView, { leader }: ClusterView): string =>
  `${name === leader ? "leader" : station?.role === "leader" ? "follower" : station?.role} at ${station?.applied}`;

const mark = ({ pid, isPaused }: ProcessView): string => (pid === 0 ? " GONE" : isPaused ? " PAUSED" : "");

function instanceRow({
  id,
  exclusive,
  node = "-",
  state,
  answers,
  port,
  reason,
  desired,
}: InstanceView): readonly string[] {
  const word = desired === "stopped" ? "stopping" : state;
  const url = port === 0 ? reason : `http://127.0.0.1:${port}/`;
  return [exclusive ? `${id} (exclusive)` : id, node, word, answers ? "yes" : "no", url];
}
