import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StationGroup } from "./station-group.ts";

const NODES = ["a", "b", "c", "d", "e"] as const;

describe("events to five stations as processes", () => {
  let group: StationGroup;
  const stored: string[] = [];
  beforeAll(async () => {
    group = await StationGroup.found(...NODES);
    group.startAll();
    await submitInTurn("first", 3);
  });
  afterAll(() => group?.stop());

  /** One after the other, each when the one before is acknowledged. */
  async function submitInTurn(prefix: string, count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      expect((await group.promulgate(`${prefix}-${at}`)).kind).toBe("stored");
      stored.push(`${prefix}-${at}`);
    }
  }

  /** All that were acknowledged, in that order, each once, at each station that runs. */
  async function assertHistory(): Promise<void> {
    const number = Number((await group.health(await group.leader()))?.["applied"]);
    for (const { node, isRunning } of group.stations)
      if (isRunning) expect(await group.events(node, number)).toEqual(stored);
  }

  it("E4 the queue killed, mute, moved: awaited events are stored once, in their order", async () => {
    const going = submitInTurn("moved", 60);
    // Mute: it hears, and does not answer.
    const mute = await group.leader();
    group.station(mute).signal("SIGSTOP");
    await group.until(() => stored.length >= 15, "events go on without the mute leader");
    group.station(mute).signal("SIGCONT");
    const killed = await group.leader();
    await group.station(killed).end("SIGKILL");
    await group.until(() => stored.length >= 35, "events go on without the killed leader");
    group.station(killed).start();
    await going;
    await group.healthy(killed, (health) => health["votes"] === true);
    await assertHistory();
  });

  it("E5 with two of five gone events go on; with no quorum they wait, and all arrive when it is back", async () => {
    const [first, second, third] = ["a", "b", "c"] as const;
    await Promise.all([first, second].map((node) => group.station(node).end("SIGKILL")));
    await submitInTurn("three", 10);
    await group.station(third).end("SIGKILL");
    const waiting = Array.from({ length: 20 }, (_, at) => group.promulgate(`waits-${at}`));
    let answered = 0;
    for (const each of waiting)
      each.then(
        () => answered++,
        () => answered++,
      );
    // As long as a quorum needs to be missed by everybody.
    await group.healthy("d", (health) => health["leader"] === undefined);
    expect(answered).toBe(0);
    for (const node of [first, second, third]) group.station(node).start();
    expect(new Set((await Promise.all(waiting)).map(({ kind }) => kind))).toEqual(new Set(["stored"]));
    stored.push(...waiting.map((_, at) => `waits-${at}`));
    await assertHistory();
  });
});
