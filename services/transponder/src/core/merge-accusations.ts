import { decodeEventPayload, type Event, type NodeUnreachable, ProtoError } from "@halon/proto";

export const NODE_UNREACHABLE = "node-unreachable";

/** What several events have in common, and which of them. */
export interface MergedAccusation<Item> {
  readonly unreachable: NodeUnreachable;
  readonly items: readonly Item[];
}

/** Events that are about the same (node, session) become one; all others are left as they are. */
export function mergeAccusations<Item extends { readonly event: Event }>(
  items: readonly Item[],
): { readonly merged: readonly MergedAccusation<Item>[]; readonly rest: readonly Item[] } {
  const groups = new Map<string, { unreachable: NodeUnreachable; items: Item[] }>();
  const rest: Item[] = [];
  for (const item of items) {
    const unreachable = unreachableOf(item.event);
    if (unreachable === undefined) {
      rest.push(item);
      continue;
    }
    const key = `${unreachable.node}/${unreachable.session}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { unreachable, items: [item] });
    else {
      group.unreachable = union(group.unreachable, unreachable);
      group.items.push(item);
    }
  }
  const merged: MergedAccusation<Item>[] = [];
  for (const group of groups.values()) {
    // One alone keeps its id, so that a retry of it is known as a duplicate.
    if (group.items.length > 1) merged.push(group);
    else rest.push(...group.items);
  }
  return { merged, rest };
}

/** `undefined` for another event, and for one that this version cannot read: the coordinator deals with it. */
function unreachableOf({ type, payload }: Event): NodeUnreachable | undefined {
  if (type !== NODE_UNREACHABLE) return undefined;
  try {
    const decoded = decodeEventPayload(payload);
    return decoded.kind === "nodeUnreachable" ? decoded.value : undefined;
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}

/**
 * All accusers of both. Of two accusations by one monitor the shorter silence counts: it puts the last acknowledgement
 * later, so that an exclusive instance is at worst started elsewhere later than possible. The longer one may be of an
 * earlier life of the monitor, from before a later acknowledgement.
 */
function union(a: NodeUnreachable, b: NodeUnreachable): NodeUnreachable {
  const silentMs = new Map<string, number>();
  for (const each of [...a.accusations, ...b.accusations])
    silentMs.set(each.monitor, Math.min(each.silentMs, silentMs.get(each.monitor) ?? Number.POSITIVE_INFINITY));
  const accusations = [...silentMs].map(([monitor, span]) => ({ monitor, silentMs: span }));
  return { node: a.node, session: a.session, accusations };
}
