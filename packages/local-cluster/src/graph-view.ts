import { GraphError, parseStoreKey } from "@halon/resource-graph";

/** A node as the coordinator sees it. */
export interface GraphNode {
  readonly name: string;
  readonly state: string;
  /** Its newest session has begun: it can be given instances. */
  readonly isReady: boolean;
  /** Monitors of the newest session. */
  readonly monitors: readonly string[];
  readonly accusations: number;
}

/** An instance as the coordinator sees it. */
export interface GraphInstance {
  readonly id: string;
  readonly service: string;
  readonly exclusive: boolean;
  /** `undefined`: it has no place. */
  readonly node: string | undefined;
  readonly generation: number;
  readonly desired: string;
  readonly state: string;
  readonly port: number;
  readonly pid: number;
  readonly restarts: number;
  readonly reason: string;
}

/** What the launcher needs of the resource graph. */
export interface GraphPicture {
  readonly nodes: readonly GraphNode[];
  readonly services: readonly string[];
  /** In the order of their names and numbers. */
  readonly instances: readonly GraphInstance[];
}

export const EMPTY_GRAPH: GraphPicture = { nodes: [], services: [], instances: [] };

type Fields = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const count = (value: unknown): number => (typeof value === "number" ? value : 0);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

const decoder = new TextDecoder();

/**
 * Reads the graph out of its entries in a station's store, keys without the `g/` before them. What this version does not
 * know, or cannot read, is left out.
 */
export function pictureOf(entries: Iterable<readonly [key: string, value: Uint8Array]>): GraphPicture {
  const vertices = new Map<string, Map<string, Fields>>();
  const edges = new Map<string, Map<string, string>>();
  for (const [key, value] of entries) {
    const parsed = tryParse(key);
    if (parsed?.kind === "vertex") put(vertices, parsed.type, parsed.id, fieldsOf(value));
    else if (parsed?.kind === "edge") put(edges, parsed.relation, parsed.from, parsed.to);
    else if (parsed?.kind === "reverse") put(edges, `to ${parsed.relation}`, parsed.to, parsed.from);
  }
  const all = (type: string): readonly (readonly [string, Fields])[] => [...(vertices.get(type) ?? [])];
  const services = new Map(all("Service"));
  const runsOn = edges.get("Instance.runsOn.Node");
  const serviceOf = edges.get("to Service.has.Instance");
  const instances = all("Instance").map(([id, value]): GraphInstance => {
    const service = serviceOf?.get(id) ?? id.split("/", 1)[0] ?? id;
    return {
      id,
      service,
      exclusive: services.get(service)?.["exclusive"] === true,
      node: runsOn?.get(id),
      generation: count(value["generation"]),
      desired: text(value["desired"]),
      state: text(value["state"]),
      port: count(value["port"]),
      pid: count(value["pid"]),
      restarts: count(value["restarts"]),
      reason: text(value["reason"]),
    };
  });
  return {
    nodes: all("Node").map(([name, value]) => nodeOf(name, value)),
    services: [...services.keys()].sort(),
    instances: instances.sort((a, b) => compareIds(a.id, b.id)),
  };
}

function nodeOf(name: string, value: Fields): GraphNode {
  const newest = fields(list(value["sessions"]).at(-1));
  return {
    name,
    state: text(value["state"]),
    isReady: newest["begun"] === true,
    monitors: list(newest["monitors"]).map(text),
    accusations: list(value["accusations"]).length,
  };
}

/** `web/10` behind `web/9`. */
export const compareIds = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

function put<Value>(maps: Map<string, Map<string, Value>>, name: string, key: string, value: Value): void {
  const map = maps.get(name) ?? new Map<string, Value>();
  maps.set(name, map);
  map.set(key, value);
}

function tryParse(key: string): ReturnType<typeof parseStoreKey> | undefined {
  try {
    return parseStoreKey(key);
  } catch (error) {
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}

function fieldsOf(value: Uint8Array): Fields {
  try {
    return fields(JSON.parse(decoder.decode(value)));
  } catch {
    return {};
  }
}
