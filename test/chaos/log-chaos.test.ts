import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../log-group/within.ts";
import type { ListHistory } from "../simulation/list-history.ts";
import { ChaosGroup } from "./chaos-group.ts";
import { FAULTS, type Fault, THREE_LEASES_MS } from "./faults.ts";
import { callRecorded, ListLoad } from "./list-load.ts";
import { chance, recorded, rounds, say, seed } from "./trial.ts";

// Three stations as real processes on a real bus, broken for real while clients work, and judged by what the clients saw.
// HALON_CHAOS_ROUNDS=N goes N times through all faults, once by default; HALON_CHAOS_SEED=S repeats their order, and what
// the clients do. What happens in between is up to the machine: another run of the same seed may end otherwise.

const ROUND_MS_MAX = 180_000;
const STOP_MS_MAX = 30_000;
/** Clients on the bus; and there is one beside each station. */
const BUS_CLIENTS = 4;

/** Two calls of each of the first so many clients are answered: the latter, at least, was made after this was called. */
async function resumed(group: ChaosGroup, load: ListLoad, clients: number): Promise<void> {
  const before = load.answered.slice(0, clients);
  await group.until("clients are answered", () => {
    const { answered } = load;
    return before.every((count, at) => Number(answered[at]) >= count + 2) || undefined;
  });
}

/** Brings a fault about and ends it. While it lasts, if it should, and after it, clients are served. */
async function survive(fault: Fault, group: ChaosGroup, load: ListLoad): Promise<void> {
  const leader = await group.whole();
  const [follower = leader] = chance.shuffled(group.members.filter((member) => member !== leader));
  const beginMs = performance.now();
  const end = await fault.begin(group, leader, follower);
  if (fault.keepsMajority) await resumed(group, load, BUS_CLIENTS);
  const endMs = performance.now();
  await end();
  await resumed(group, load, load.answered.length);
  const [lastedMs, backMs] = [endMs - beginMs, performance.now() - endMs].map(Math.round);
  say(`  ${fault.name}: lasted ${lastedMs} ms, all served ${backMs} ms after`);
}

/** Goes through all faults under load. Returns what was acknowledged. */
async function storm(group: ChaosGroup, history: ListHistory): Promise<ListLoad> {
  await group.whole();
  const onBus = await Promise.all(Array.from({ length: BUS_CLIENTS }, () => group.client()));
  const beside = await Promise.all(group.members.map((member) => group.clientBeside(member)));
  const startMs = performance.now();
  const load = new ListLoad(history, [...onBus, ...beside], chance.fork("load"));
  try {
    for (let round = 1; round <= rounds; round++)
      for (const fault of chance.fork(`round ${round}`).shuffled(FAULTS)) await survive(fault, group, load);
    await group.whole();
  } finally {
    await within(load.stop(), STOP_MS_MAX, () => "calls have no answer");
  }
  const { called, answered } = history;
  const perSecond = Math.round((called / (performance.now() - startMs)) * 1_000);
  say(`  ${called} calls, ${answered} answered, ${perSecond} a second`);
  return load;
}

/** Each acknowledged append is in its list, and nothing is there twice. */
async function expectAllThere(group: ChaosGroup, history: ListHistory, load: ListLoad): Promise<void> {
  const reader = await group.client();
  for (const key of load.keys) {
    const list = (await callRecorded(history, reader, { op: "read", key }))?.split(" ") ?? [];
    expect(new Set(list).size, `key ${key}: an element is there twice`).toBe(list.length);
    const missing = (load.appended.get(key) ?? []).filter((element) => !list.includes(element));
    expect(missing, `key ${key}: acknowledged, and not there`).toEqual([]);
  }
}

function assertLinearizable(history: ListHistory): void {
  const why = history.judge();
  if (why !== undefined) throw new Error(`not linearizable: ${why}`);
}

/**
 * While others lead and write, the old leader, stopped and resumed without a link, is asked by clients beside it: for what
 * is there, and to add to it. It is told of nothing until the link is restored.
 */
async function askLapsedLeader(
  group: ChaosGroup,
  history: ListHistory,
): Promise<Readonly<Record<"read" | "late", Promise<string | undefined>>> & { readonly restore: () => void }> {
  const key = "lapsed";
  const leader = await group.whole();
  const others = group.members.filter((member) => member !== leader);
  const inside = await group.clientBeside(leader);
  const outside = await group.client();
  await callRecorded(history, inside, { op: "append", key, element: "old" });
  await group.whole();
  leader.station.pause();
  leader.link.cut();
  await group.passed(THREE_LEASES_MS);
  await group.leader(others);
  await callRecorded(history, outside, { op: "append", key, element: "new" });
  const read = callRecorded(history, inside, { op: "read", key });
  const late = callRecorded(history, inside, { op: "append", key, element: "late" });
  leader.station.resume();
  return { read, late, restore: () => leader.link.restore() };
}

/** Tells whether it has ended, well or not. */
function watched(call: Promise<unknown>): { readonly isOver: boolean } {
  const watch = { isOver: false };
  const note = (): void => {
    watch.isOver = true;
  };
  call.then(note, note);
  return watch;
}

describe("a log of real processes", () => {
  let group: ChaosGroup;
  beforeAll(async () => {
    say(`seed ${seed}`);
    group = await ChaosGroup.found();
  });
  afterEach(() => group.heal());
  afterAll(() => group?.stop());

  const underAll =
    "L1 L8 under kills, stops, cut links and a bus that goes away: linearizable, nothing acknowledged is lost";
  it(underAll, { timeout: rounds * ROUND_MS_MAX }, () =>
    recorded(async (history) => {
      const load = await storm(group, history);
      await expectAllThere(group, history, load);
      assertLinearizable(history);
      const states = await group.even();
      for (const state of states) expect(state).toEqual({ ...states[0], digestRead: states[0]?.digest });
      expect(await group.faults()).toBe(0);
    }),
  );

  it("L7 a link cut both ways and restored: the update pending on the one side completes on both", () =>
    recorded(async (history) => {
      const leader = await group.whole();
      const inside = await group.clientBeside(leader);
      const outside = await group.client();
      const append = (client: typeof inside, element: string): Promise<string | undefined> =>
        callRecorded(history, client, { op: "append", key: "cut", element });
      await append(inside, "before");
      leader.link.cut();
      const pending = append(inside, "inside");
      const watch = watched(pending);
      await group.leader(group.members.filter((member) => member !== leader));
      await append(outside, "outside");
      expect(watch.isOver).toBe(false);
      leader.link.restore();
      await group.until("the pending update completes", () => watch.isOver || undefined);
      await pending;
      for (const client of [inside, outside])
        expect(await callRecorded(history, client, { op: "read", key: "cut" })).toBe("before outside inside");
      await group.whole();
      assertLinearizable(history);
    }));

  it("L10 a leader stopped for three leases and resumed, told of nothing yet, serves no stale read and adds nothing", () =>
    recorded(async (history) => {
      const { read, late, restore } = await askLapsedLeader(group, history);
      const watches = [read, late].map(watched);
      // It is asked again and again all the while.
      await group.passed(THREE_LEASES_MS);
      expect(watches.map(({ isOver }) => isOver)).toEqual([false, false]);
      restore();
      expect(await read).toMatch(/^old new/);
      expect(await late).toBe("old new late");
      assertLinearizable(history);
    }));
});

describe("stations that answer reads from what they have", () => {
  let group: ChaosGroup;
  beforeAll(async () => {
    group = await ChaosGroup.found({ isCareless: true });
  });
  afterAll(() => group?.stop());

  it("are found out by the history", () =>
    recorded(async (history) => {
      const { read, late, restore } = await askLapsedLeader(group, history);
      expect(await read).toBe("old");
      restore();
      await late;
      expect(history.judge()).toContain("key lapsed");
    }));
});
