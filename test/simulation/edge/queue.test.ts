import { describe, expect, it } from "vitest";
import { EdgeCluster } from "./edge-cluster.ts";
import { Reporter } from "./reporter.ts";
import { Scribe } from "./scribe.ts";

const texts = (scribe: Scribe): readonly string[] =>
  scribe.events().map(({ event }) => new TextDecoder().decode(event?.payload));
const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `e${at}`);

describe("events on their way to a station", () => {
  it("E1 are stored with no coordinator present, in order", () => {
    const cluster = new EdgeCluster();
    const reporter = new Reporter(cluster, "user-1");
    reporter.submitInTurn(numbered(20));
    cluster.runFor(5_000);
    expect(reporter.acknowledged).toEqual([]);
    cluster.station("station-1");
    cluster.until("all are stored", 5_000, () => reporter.acknowledged.length === 20);
    expect(texts(new Scribe(cluster, "station-1"))).toEqual(numbered(20));
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "E4 are each stored once, in order, though the queue dies and comes back (%i)",
    (offset) => {
      const cluster = new EdgeCluster();
      cluster.station("station-1");
      if (offset % 2 === 1) cluster.transponder("satellite-1");
      const reporter = new Reporter(cluster, "user-1");
      cluster.runFor(1_500);
      reporter.submitInTurn(numbered(12));
      for (let round = 0; round < 4; round++) {
        cluster.runFor(offset * 1.3 + round);
        cluster.kill("station-1.station-replica");
        cluster.runFor(700);
        cluster.station("station-1");
        cluster.until("another is stored", 8_000, progressOf(reporter));
      }
      cluster.until("all are stored", 20_000, () => reporter.acknowledged.length === 12);
      expect(texts(new Scribe(cluster, "station-1"))).toEqual(numbered(12));
    },
  );

  it("E4 are each stored once, in order, though the queue hears and does not answer", () => {
    const cluster = new EdgeCluster();
    cluster.station("station-1");
    const reporter = new Reporter(cluster, "user-1");
    cluster.runFor(1_500);
    reporter.submitInTurn(numbered(5));
    cluster.mute.add("station-1.station-replica");
    cluster.runFor(10_000);
    expect(reporter.acknowledged).toEqual([]);
    cluster.mute.clear();
    cluster.until("all are stored", 5_000, () => reporter.acknowledged.length === 5);
    expect(texts(new Scribe(cluster, "station-1"))).toEqual(numbered(5));
  });

  it("E7 are refused one by one with a reason, and disturb nothing else", () => {
    const cluster = new EdgeCluster();
    cluster.station("station-1");
    const reporter = new Reporter(cluster, "user-1");
    cluster.runFor(1_500);
    reporter.submit("x".repeat(300_000));
    reporter.submit("good");
    cluster.until("both are answered", 5_000, () => reporter.outcomes.length === 2);
    expect(reporter.outcomes.map(({ kind }) => kind).sort()).toEqual(["refused", "stored"]);
    expect(texts(new Scribe(cluster, "station-1"))).toEqual(["good"]);
  });
});

function progressOf(reporter: Reporter): () => boolean {
  const before = reporter.acknowledged.length;
  return () => reporter.acknowledged.length > before || before === 12;
}
