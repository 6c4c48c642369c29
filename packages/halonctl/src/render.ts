import type { ApplyReply, GraphReply, ServiceReply, StatusReply, VertexReply } from "./replies.ts";
import { table } from "./table.ts";
import { harmless, type Paint, type Tone } from "./terminal.ts";

/** Stands for what there is none of. */
const NONE = "-";
/** Longer values are cut in lists of vertices; asked for by id, or with --json, they come whole. */
const VALUE_CHARS_MAX = 100;

const TONES: Readonly<Record<string, Tone>> = {
  up: "green",
  running: "green",
  down: "red",
  failed: "red",
  pending: "yellow",
  starting: "yellow",
};

const orNone = (text: string): string => (text === "" ? NONE : harmless(text));
const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

function state(paint: Paint, text: string): string {
  const tone = TONES[text];
  return tone === undefined ? orNone(text) : paint(tone, text);
}

/** `halonctl status`. */
export function renderStatus(paint: Paint, reply: StatusReply): string {
  const leader = reply.leader === "" ? paint("red", "none: nothing is decided") : harmless(reply.leader);
  const coordinator =
    reply.coordinator === ""
      ? paint("yellow", "none yet")
      : `${harmless(reply.coordinator)}, epoch ${reply.epoch}, checkpoint ${reply.checkpoint}`;
  const facts = [
    ["cluster", `${harmless(reply.cluster)} (${harmless(reply.clusterId)})`],
    ["answered by", `${harmless(reply.station)}, ${harmless(reply.role)}, ${counted(reply.applied, "decree")} applied`],
    ["stations", reply.members.map(harmless).join(", ")],
    ["leader", leader],
    ["coordinator", coordinator],
    ["events queued", String(reply.eventsQueued)],
  ];
  const width = Math.max(...facts.map(([name = ""]) => name.length));
  const lines = facts.map(([name = "", fact]) => `${paint("bold", name.padEnd(width))}  ${fact}\n`).join("");
  const nodes = table(
    paint,
    ["NODE", "KIND", "STATE", "INSTANCES", "SERVICES"],
    reply.nodes.map((node) => [
      harmless(node.name),
      orNone(node.kind),
      state(paint, node.state),
      String(node.instances),
      orNone(node.roles.join(" ")),
    ]),
  );
  const more = reply.moreNodes ? "There are more nodes: halonctl graph Node\n" : "";
  return nodes === "" ? `${lines}\nNo node has come up yet.\n` : `${lines}\n${nodes}${more}`;
}

/** `halonctl services`. */
export function renderServices(paint: Paint, services: readonly ServiceReply[]): string {
  if (services.length === 0) return "There are no services: halonctl apply -f cluster.yaml\n";
  const rows = services.flatMap((service) => {
    const running = service.instances.filter((instance) => instance.state === "running").length;
    const name = harmless(service.name);
    const first = [name + (service.exclusive ? " (exclusive)" : ""), `${running}/${service.wanted}`];
    if (service.instances.length === 0) return [[...first, ...Array<string>(6).fill(NONE)]];
    return service.instances.map((instance, index) => [
      ...(index === 0 ? first : ["", ""]),
      harmless(instance.id),
      state(paint, instance.state),
      orNone(instance.node),
      instance.port === 0 ? NONE : String(instance.port),
      String(instance.restarts),
      orNone(instance.reason),
    ]);
  });
  return table(paint, ["SERVICE", "RUNNING", "INSTANCE", "STATE", "NODE", "PORT", "RESTARTS", "REASON"], rows);
}

/** `halonctl graph`: the types there are. */
export const renderTypes = ({ vertices }: GraphReply): string =>
  vertices.length === 0 ? "The graph is empty.\n" : vertices.map(({ type }) => `${harmless(type)}\n`).join("");

/** `halonctl graph TYPE`. */
export function renderVertices(paint: Paint, type: string, { vertices, more }: GraphReply): string {
  const rows = vertices.map((vertex) => {
    const edges = `${vertex.edges.length}${vertex.moreEdges ? "+" : ""}`;
    const value = harmless(vertex.value);
    return [harmless(vertex.id), edges, value.length > VALUE_CHARS_MAX ? `${value.slice(0, VALUE_CHARS_MAX)}…` : value];
  });
  if (rows.length === 0) return `There is no ${harmless(type)}. The types there are: halonctl graph\n`;
  const last = vertices.at(-1)?.id ?? "";
  const next = more ? `There are more: --after ${JSON.stringify(last)}\n` : "";
  return table(paint, ["ID", "EDGES", "VALUE"], rows) + next;
}

/** `halonctl graph TYPE ID`. */
export function renderVertex(paint: Paint, { type, id, value, edges, moreEdges }: VertexReply): string {
  const pretty = JSON.stringify(JSON.parse(value), undefined, 2).split("\n").map(harmless).join("\n");
  const head = `${paint("bold", `${harmless(type)} ${harmless(id)}`)}\n${pretty}\n`;
  const rows = edges.map(({ relation, from, to }) => [harmless(relation), harmless(from), "->", harmless(to)]);
  const more = moreEdges ? "There are more edges than these.\n" : "";
  return rows.length === 0 ? head : `${head}\n${table(paint, ["EDGE", "FROM", "", "TO"], rows)}${more}`;
}

/** Mistakes of a `cluster.yaml`, as editors and people find them. */
export const renderMistakes = (file: string, { mistakes }: ApplyReply): string =>
  mistakes
    .map(({ line, column, path, message }) => `${file}:${line}:${column} ${path && `${harmless(path)}: `}${message}\n`)
    .join("");

/** `halonctl apply`, where nothing was wrong. */
export function renderApplied({ handled, services }: ApplyReply): string {
  const what = `the specification of ${counted(services, "service")}`;
  return handled
    ? `The coordinator has taken over ${what}: halonctl services\n`
    : `Stored ${what}. No coordinator has dealt with it yet; it will, as soon as there is one: halonctl status\n`;
}
