import { encodeStateCommand } from "@halon/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StationGroup } from "./station-group.ts";

const NODES = ["a", "b", "c"] as const;

const texts = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${prefix}-${at}`);

describe("three stations as processes", () => {
  let group: StationGroup;
  const stored: string[] = [];
  beforeAll(async () => {
    group = await StationGroup.found(...NODES);
    group.startAll();
  });
  afterAll(() => group?.stop());

  /** Submits all at once; all are stored, or it fails. */
  async function submit(events: readonly string[]): Promise<void> {
    const outcomes = await Promise.all(events.map((text) => group.promulgate(text)));
    expect(outcomes.every(({ kind }) => kind === "stored")).toBe(true);
    stored.push(...events);
  }

  /** Number of the last decree that the leader has applied. */
  async function applied(): Promise<number> {
    return Number((await group.health(await group.leader()))?.["applied"]);
  }

  it("E5 the leader killed with -9: events and commands go on, and it catches up when it is back", async () => {
    await submit(texts("before", 20));
    const leader = await group.leader();
    await group.station(leader).end("SIGKILL");
    const lease = { epoch: 0, checkpoint: 0, holder: "b" };
    const [granted] = await Promise.all([
      group.command(encodeStateCommand({ kind: "grantLease", value: lease })),
      submit(texts("during", 20)),
    ]);
    expect(granted.kind).toBe("result");
    expect(await group.leader()).not.toBe(leader);
    group.station(leader).start();
    const events = await group.events(leader, await applied());
    expect([...events].sort()).toEqual([...stored].sort());
    const lease2 = await group.query(leader, { kind: "lease", value: {} });
    expect(lease2?.body).toEqual({ kind: "lease", value: { epoch: 1, holder: "b", checkpoint: 0 } });
  });

  it("L8 all killed with -9 at once and restarted from disk: nothing acknowledged is lost, the order is the same", async () => {
    await submit(texts("last", 50));
    await Promise.all(group.stations.map((station) => station.end("SIGKILL")));
    group.startAll();
    await submit(["after"]);
    const number = await applied();
    const histories = await Promise.all(NODES.map((node) => group.events(node, number)));
    expect([...(histories[0] ?? [])].sort()).toEqual([...stored].sort());
    expect(histories[0]?.at(-1)).toBe("after");
    for (const history of histories) expect(history).toEqual(histories[0]);
  });

  it("stops in good order on SIGTERM, and tells epochs and leaders in its log", async () => {
    const station = group.station("c");
    expect(await station.end("SIGTERM")).toBe(0);
    expect(station.output).toMatch(/"leader":"[abc]","ballot":"\d+\.[abc]\.0","msg":"leader"/);
    expect(station.output).toMatch(/"epoch":1,"holder":"b","msg":"epoch"/);
  });
});
