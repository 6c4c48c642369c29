import {
  changesToStore,
  decodeValue,
  encodeChange,
  Graph,
  type Migration,
  rewriting,
  SCHEMA_VERSION,
  Schema,
} from "@halon/resource-graph";
import { describe, expect, it } from "vitest";
import { Service, schema } from "../src/index.ts";
import { Reign, Twin } from "./twin.ts";

const COUNT = 190;

const later = (migration: Migration): Schema =>
  new Schema({
    types: [...schema.types.values()].filter((type) => type !== SCHEMA_VERSION),
    relations: [...schema.relations.values()],
    roots: [...schema.types.values()].filter(({ name }) => schema.roots.has(name)),
    migrations: [migration],
  });
const renumbered = later(
  rewriting(2, "Service", ({ restartsMax, ...rest }) => ({ ...rest, restartsMax: Number(restartsMax) + 1 })),
);

function twinWithServices(): Twin {
  const twin = new Twin();
  const { graph } = Graph.empty(schema).change((draft) => {
    for (let at = 0; at < COUNT; at++)
      draft.insert(Service, `s${at}`, {
        command: ["x"],
        cwd: "",
        exclusive: false,
        instances: 0,
        restartsMax: 3,
        restartWindowMs: 1_000,
        on: ["user"],
      });
  });
  for (const { key, value } of changesToStore([...graph.entries()].map(encodeChange)))
    if (value !== undefined) twin.keys.set(`g/${key}`, value);
  return twin;
}

const counts = (twin: Twin): readonly number[] => {
  const services = twin.under("g").filter(([key]) => key.startsWith("v/Service/"));
  const found = services.map(([, value]) => decodeValue(value)["restartsMax"]);
  return [3, 4, 5].map((count) => found.filter((each) => each === count).length);
};

describe("a graph of an older version", () => {
  it("RG6 is migrated before anything else, in checkpoints that fit, and goes on wherever a coordinator died", () => {
    for (let dies = 0; dies < 4; dies++) {
      const twin = twinWithServices();
      twin.schema = renumbered;
      twin.enqueue("cluster-spec", { kind: "clusterSpec", value: { json: '{"services":{}}', prune: false } });
      const first = new Reign(twin);
      first.feed();
      for (let at = 0; at < dies; at++) first.decide();
      if (dies > 0) expect(twin.decisions.filter((text) => text !== "graph migrated")).toEqual([]);
      new Reign(twin).settle();
      // Each once, however often it was begun.
      expect(counts(twin)).toEqual([0, COUNT, 0]);
      expect(twin.decisions).toEqual(["graph migrated", "specification applied"]);
    }
  });

  it("RG6 that cannot be migrated ends the coordinator, which says of which vertex", () => {
    const twin = twinWithServices();
    twin.schema = later(rewriting(2, "Service", () => ({ command: 3 })));
    const reign = new Reign(twin);
    expect(reign.stopped).toMatch(/^the graph cannot be migrated: Service "s0": /);
    expect(reign.inFlight).toBeUndefined();
  });

  it("RG6 a newer one is worked with as it is", () => {
    const twin = twinWithServices();
    twin.schema = renumbered;
    new Reign(twin).settle();
    twin.schema = schema;
    const older = new Reign(twin);
    older.settle();
    expect(older.stopped).toBeUndefined();
    expect(counts(twin)).toEqual([0, COUNT, 0]);
  });
});
