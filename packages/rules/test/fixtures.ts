import { Graph, Schema, vertexType } from "@halon/resource-graph";
import { type Answer, type EventType, eventType } from "../src/index.ts";
import type { ScenarioStep } from "../src/testing.ts";

/** A vertex type with one text and one number, enough to see who wrote what in which order. */
export const Note = vertexType("Note", (value) => {
  const { text, count } = value as { text?: unknown; count?: unknown };
  return typeof text === "string" && typeof count === "number" ? { text, count } : "text and count are needed";
});

export const emptyGraph = Graph.empty(new Schema({ types: [Note], relations: [], roots: [Note] }));

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export interface NodeEvent {
  readonly node: string;
  readonly n: number;
}

const decodeNode = (payload: Uint8Array): NodeEvent => {
  const { node, n } = JSON.parse(decoder.decode(payload)) as { node?: unknown; n?: unknown };
  if (typeof node !== "string" || typeof n !== "number") throw new Error("node and n are needed");
  return { node, n };
};

export const nodeEvent = (name: string): EventType<NodeEvent> => eventType(name, decodeNode);

export const Down = nodeEvent("down");
export const Up = nodeEvent("up");
export const Ping = nodeEvent("ping");

export const bytes = (text: string): Uint8Array => encoder.encode(text);

export const event = (type: string, node: string, n = 0, atMs?: number): ScenarioStep => ({
  kind: "event",
  type,
  payload: bytes(JSON.stringify({ node, n })),
  ...(atMs === undefined ? {} : { atMs }),
});
export const time = (atMs: number): ScenarioStep => ({ kind: "time", atMs });
export const answer = (commandId: string, text: string): ScenarioStep => ({
  kind: "answer",
  commandId,
  answer: { kind: "reply", payload: bytes(text) },
});

export const replyText = (reply: Answer): string =>
  reply.kind === "reply" ? decoder.decode(reply.payload) : `failed: ${reply.why}`;
