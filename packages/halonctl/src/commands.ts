import type { HalonClient } from "./client.ts";
import {
  renderApplied,
  renderMistakes,
  renderServices,
  renderStatus,
  renderTypes,
  renderVertex,
  renderVertices,
} from "./render.ts";
import type { ServiceReply, VertexReply } from "./replies.ts";
import type { Paint, World } from "./terminal.ts";

/** What a command works with. */
export interface Task {
  readonly client: HalonClient;
  readonly isJson: boolean;
  readonly paint: Paint;
  readonly world: World;
}

/** Whoever waits longer than that is told for what. */
const SILENCE_MS_MAX = 700;

/** Prints the reply as JSON, or as `text` for people. */
export function show({ isJson, world }: Task, reply: unknown, text: () => string): void {
  world.out.write(isJson ? `${JSON.stringify(reply, undefined, 2)}\n` : text());
}

export async function status(task: Task): Promise<void> {
  const reply = await task.client.getStatus();
  show(task, reply, () => renderStatus(task.paint, reply));
}

/** All of them: page by page. */
export async function services(task: Task): Promise<void> {
  const all: ServiceReply[] = [];
  for (let more = true; more; ) {
    const reply = await task.client.listServices(all.at(-1)?.name ?? "");
    all.push(...reply.services);
    more = reply.more && reply.services.length > 0;
  }
  show(task, { services: all }, () => renderServices(task.paint, all));
}

/** Types, vertices of one type, or one vertex, as `type` and `id` are empty or not. */
export async function graph(
  task: Task,
  request: { readonly type: string; readonly id: string; readonly after: string; readonly limit: number },
): Promise<void> {
  const { type, id } = request;
  const reply = await task.client.queryGraph(request);
  const [vertex] = reply.vertices;
  if (type === "") show(task, { types: reply.vertices.map((each) => each.type) }, () => renderTypes(reply));
  else if (id !== "" && vertex !== undefined) show(task, parsed(vertex), () => renderVertex(task.paint, vertex));
  else show(task, { ...reply, vertices: reply.vertices.map(parsed) }, () => renderVertices(task.paint, type, reply));
}

const parsed = (vertex: VertexReply): object => ({ ...vertex, value: JSON.parse(vertex.value) });

export async function submit(task: Task, type: string, payload: Uint8Array, priority: string): Promise<void> {
  await patiently(
    task.world,
    "waiting for a majority of the stations …",
    task.client.submitEvent(type, payload, priority),
  );
  show(task, { stored: true }, () => "Stored: it reaches the coordinator, whatever dies.\n");
}

/** Resolves with whether it was applied: otherwise its mistakes have been printed. `file`: what they are called by. */
export async function apply(task: Task, file: string, bytes: Uint8Array, prune: boolean): Promise<boolean> {
  const { client, world, isJson } = task;
  const text = new TextDecoder().decode(bytes);
  const reply = await patiently(world, "waiting for the coordinator …", client.apply(text, prune));
  const isApplied = reply.mistakes.length === 0;
  if (isJson || isApplied) show(task, reply, () => renderApplied(reply));
  if (!isApplied) world.err.write(`${renderMistakes(file, reply)}halonctl: nothing was changed\n`);
  return isApplied;
}

/** Tells a person at the terminal what takes so long. */
async function patiently<Result>({ err }: World, message: string, work: Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => err.isTTY === true && err.write(`${message}\n`), SILENCE_MS_MAX);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
