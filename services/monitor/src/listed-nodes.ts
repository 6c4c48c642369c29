import { isName, type PageEntry } from "@halon/proto";
import { z } from "zod";
import type { ListedNode } from "./core/monitor-io.ts";

/** Where the station keeps the nodes of the resource graph. */
export const NODES_PREFIX = "g/v/Node/";
/** First key behind them. */
export const NODES_END = "g/v/Node0";

/** What a monitor needs of a node's value. */
const nodeSchema = z.looseObject({
  state: z.string(),
  sessionLast: z.int().min(0),
  sessions: z.array(z.looseObject({ session: z.int().min(1), monitors: z.array(z.string()) })),
  accusations: z.array(z.looseObject({ session: z.int().min(0), monitor: z.string() })),
});

const text = new TextDecoder();

/**
 * One stored node as far as it concerns `monitor`. `undefined`: not in a form that this version can read. A node that is
 * down has no session to watch.
 */
export function readNode({ key, value }: PageEntry, monitor: string): ListedNode | undefined {
  const node = key.slice(NODES_PREFIX.length);
  const parsed = nodeSchema.safeParse(parseJson(value));
  if (!isName(node) || !parsed.success) return undefined;
  const { state, sessionLast, sessions, accusations } = parsed.data;
  const own = accusations.filter((each) => each.monitor === monitor);
  return {
    node,
    sessions: sessions
      .filter(({ monitors }) => state !== "down" && monitors.includes(monitor))
      .map(({ session, monitors }) => ({ session, monitors: monitors.filter(isName) })),
    accused: Math.max(0, ...own.map(({ session }) => session)),
    sessionLast,
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text.decode(bytes));
  } catch {
    return undefined;
  }
}
