import type { Ballot, Membership } from "@halon/consensus";
import { SimulationFailure, simulate } from "@halon/simulation";
import { describe, expect, it, vi } from "vitest";
import {
  appendMany,
  assertKept,
  clientOf,
  cutAllPower,
  leaderOf,
  othersThan,
  PATIENCE_MS,
  quiet,
  settle,
} from "./log-acts.ts";
import { LIMITS, type LogGroupOptions } from "./log-group.ts";
import { type LogModelOptions, logModel } from "./log-model.ts";
import type { Substitutes } from "./log-station.ts";
import {
  BoastfulJournal,
  LazyStore,
  PositionlessInstalls,
  PromiseLosingJournal,
  ResultLosingStore,
  SessionlessSnapshots,
} from "./planted.ts";

/** The mistakes that are made inside of cores, one at a time: modules are replaced by what does the same but for it. */
const planted = vi.hoisted(() => ({ bug: "" }));

/** Of Paxos's state, what the mistakes need. */
interface Turn {
  readonly nowMs: number;
  readonly out: { readonly kind: string; readonly token?: number; readonly number?: number }[];
  readonly state: {
    readonly config: { readonly leaseMs: number };
    readonly table: { readonly chosen: number };
    silentUntilMs: number;
    readonly role: {
      readonly kind: string;
      readonly entries: Map<number, { readonly ballot: Ballot }>;
      leaseUntilMs: number;
      stopAt: number | undefined;
    };
  };
}

type Functions = Readonly<Record<string, (...args: readonly never[]) => unknown>>;
type Handler = (turn: Turn, ...rest: readonly unknown[]) => unknown;

vi.mock("@halon/consensus", async (original) => {
  const real = await original<typeof import("@halon/consensus")>();
  class MessageTally extends real.Tally {
    readonly #needed: number;
    #messages = 0;

    constructor(membership: Membership) {
      super(membership);
      this.#needed = real.quorumSize(membership);
    }

    override add(member: string): boolean {
      this.#messages++;
      return super.add(member);
    }

    override get isQuorum(): boolean {
      return planted.bug === "messages are votes" ? this.#messages >= this.#needed : super.isQuorum;
    }
  }
  return { ...real, Tally: MessageTally };
});

vi.mock("../../packages/paxos/src/candidate.ts", async (original) => {
  const real = await original<Functions>();
  const onPrepareOk: Handler = (turn, from, message) => {
    const told = message as { readonly entries: readonly { readonly number: number; readonly ballot: Ballot }[] };
    const { role } = turn.state;
    if (planted.bug !== "the lowest ballot wins" || role.kind !== "candidate")
      return (real["onPrepareOk"] as Handler)(turn, from, message);
    const entries = told.entries.filter(({ number, ballot }) => {
      const known = role.entries.get(number);
      if (known !== undefined && known.ballot.round <= ballot.round) return false;
      role.entries.delete(number);
      return true;
    });
    return (real["onPrepareOk"] as Handler)(turn, from, { ...told, entries });
  };
  return { ...real, onPrepareOk };
});

vi.mock("../../packages/paxos/src/lease.ts", async (original) => {
  const real = await original<Functions>();
  const onHeartbeatOk: Handler = (turn, from, message) => {
    const { role, config } = turn.state;
    const before = role.leaseUntilMs;
    (real["onHeartbeatOk"] as Handler)(turn, from, message);
    if (planted.bug === "a lease counts from its answer" && role.leaseUntilMs !== before)
      role.leaseUntilMs = turn.nowMs + config.leaseMs;
  };
  const confirm: Handler = (turn, token) => {
    if (planted.bug !== "reads are not confirmed" || turn.state.role.kind !== "leader")
      return (real["confirm"] as Handler)(turn, token);
    return turn.out.push({ kind: "confirmed", token: token as number, number: turn.state.table.chosen });
  };
  return { ...real, onHeartbeatOk, confirm };
});

vi.mock("../../packages/paxos/src/inbox.ts", async (original) => {
  const real = await original<Functions>();
  const onMessage: Handler = (turn, from, bytes) => {
    if (planted.bug === "a restart forgets grants") turn.state.silentUntilMs = Number.NEGATIVE_INFINITY;
    return (real["onMessage"] as Handler)(turn, from, bytes);
  };
  return { ...real, onMessage };
});

vi.mock("../../packages/paxos/src/leader.ts", async (original) => {
  const real = await original<Functions>();
  const proposeMembers: Handler = (turn, members) => {
    (real["proposeMembers"] as Handler)(turn, members);
    if (planted.bug === "a stop sign does not stop") turn.state.role.stopAt = undefined;
  };
  return { ...real, proposeMembers };
});

interface SessionsModule {
  readonly Sessions: new (
    ...given: never[]
  ) => {
    begin(transaction: unknown, decree: number, logTimeMs: number): void;
  };
}

vi.mock("../../packages/replicated-log/src/sessions.ts", async (original) => {
  const real = await original<SessionsModule>();
  let born = 0;
  class LocalSessions extends real.Sessions {
    readonly #offsetMs = 60_000 * born++;

    override begin(transaction: unknown, decree: number, logTimeMs: number): void {
      super.begin(
        transaction,
        decree,
        planted.bug === "sessions expire by a local clock" ? logTimeMs + this.#offsetMs : logTimeMs,
      );
    }
  }
  return { ...real, Sessions: LocalSessions };
});

/** What the action says is broken; undefined when nothing is. */
function brokenBy(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return error.broken;
  }
}

interface Bug {
  readonly bug: string;
  /** What may be found broken first. */
  readonly breaks: readonly string[];
  /** Seeds to try; the sooner the better. */
  readonly seeds: number;
  /** One run; `isPlanted` false must pass. */
  readonly act: (seed: number, isPlanted: boolean) => void;
}

/** Runs under these kinds of fault only, short and many. */
const storm =
  (model: LogModelOptions, spoiled: Partial<LogGroupOptions> = {}) =>
  (seed: number, isPlanted: boolean): void =>
    void simulate(logModel({ ...model, ...(isPlanted && spoiled) }), { seed, replay: "the test again" });

const bugs: readonly Bug[] = [
  {
    bug: "answers leave before anything is durable",
    breaks: ["agreement", "durability", "linearizable", "crash", "durable-promises", "liveness"],
    seeds: 5,
    act: (seed, isPlanted) =>
      cutAllPower({
        seed,
        stations: 3,
        ...(isPlanted && { substitutes: { journal: (_member, real) => new BoastfulJournal(real) } }),
      }),
  },
  {
    bug: "promises are not persisted",
    breaks: ["durable-promises", "agreement"],
    seeds: 10,
    act: (seed, isPlanted) =>
      forgetPromises(seed, isPlanted ? { journal: (_member, real) => new PromiseLosingJournal(real) } : {}),
  },
  {
    bug: "messages are votes",
    breaks: ["agreement", "exclusive-lease", "crash", "log-matching", "validity"],
    seeds: 30,
    act: storm({ founders: 5, stations: 5, kinds: ["duplication", "halves"], safetyMs: 10_000 }),
  },
  {
    bug: "the lowest ballot wins",
    breaks: ["agreement", "crash", "linearizable", "durability"],
    seeds: 10,
    act: outvoteAndDie,
  },
  {
    bug: "a lease counts from its answer",
    breaks: ["exclusive-lease", "fresh-reads", "linearizable"],
    seeds: 60,
    act: delayAnswers,
  },
  {
    bug: "a restart forgets grants",
    breaks: ["exclusive-lease", "fresh-reads", "linearizable"],
    seeds: 60,
    act: forgetGrants,
  },
  {
    bug: "reads are not confirmed",
    breaks: ["fresh-reads", "linearizable"],
    seeds: 20,
    act: storm({ founders: 3, stations: 3, kinds: ["halves", "pause"], safetyMs: 10_000 }),
  },
  {
    bug: "a stop sign does not stop",
    breaks: ["stop-sign", "crash", "agreement"],
    seeds: 20,
    act: storm({ founders: 3, stations: 5, kinds: ["membership"], safetyMs: 5_000, callEveryMs: 60 }),
  },
  {
    bug: "a damaged member goes on under its old id",
    breaks: ["durable-promises", "agreement", "linearizable", "crash", "liveness"],
    seeds: 20,
    act: storm({ founders: 3, stations: 3, kinds: ["bit-flip", "kill"], safetyMs: 10_000 }, { forgetsDamage: true }),
  },
  {
    bug: "decrees are forgotten before the state is durable",
    breaks: ["durability", "liveness", "linearizable", "crash"],
    seeds: 20,
    act: (seed, isPlanted) => dieWhenTrimmed(seed, isPlanted ? { store: (_member, real) => new LazyStore(real) } : {}),
  },
  {
    bug: "sessions forget results",
    breaks: ["applied-once", "linearizable"],
    seeds: 10,
    act: storm(
      { founders: 3, stations: 3, kinds: ["loss", "kill"], safetyMs: 10_000 },
      { substitutes: { store: (_member, real) => new ResultLosingStore(real) } },
    ),
  },
  {
    bug: "a snapshot leaves out what sessions were answered",
    breaks: ["one-state", "applied-once", "linearizable", "liveness"],
    seeds: 10,
    act: storm(
      { founders: 3, stations: 5, kinds: ["membership", "kill"], safetyMs: 5_000, livenessMs: 8_000 },
      { substitutes: { store: (_member, real) => new SessionlessSnapshots(real) } },
    ),
  },
  {
    bug: "a snapshot is installed without its position",
    breaks: ["one-state", "log-matching", "liveness", "crash", "agreement"],
    seeds: 10,
    act: storm(
      { founders: 3, stations: 5, kinds: ["membership", "kill"], safetyMs: 5_000, livenessMs: 8_000 },
      { substitutes: { store: (_member, real) => new PositionlessInstalls(real) } },
    ),
  },
  {
    bug: "sessions expire by a local clock",
    breaks: ["one-state", "linearizable", "applied-once"],
    seeds: 5,
    act: storm({ founders: 3, stations: 3, kinds: ["kill"], safetyMs: 5_000 }),
  },
];

/**
 * One that follows no leader is let in where one follows that has just restarted: the old leader, cut off at that moment,
 * holds a lease that the latter has forgotten.
 */
function forgetGrants(seed: number): void {
  const group = quiet({}, seed);
  const { world } = group;
  settle(group);
  const old = leaderOf(group);
  const [near = "", far = ""] = othersThan(group, old);
  const apart = world.network.partition([far], [old, near]);
  world.runFor(2_000 + world.chance.below(500));
  group.station(near).kill();
  apart();
  world.network.partition([old], [near, far]);
  group.station(near).start();
  world.runFor(2_000);
  world.network.heal();
  settle(group);
  world.finish();
}

/** A follower that has just promised, and is cut off before it can accept anything, dies. */
function forgetPromises(seed: number, substitutes: Substitutes): void {
  const group = quiet({ substitutes }, seed);
  const { world } = group;
  settle(group);
  const old = leaderOf(group);
  const others = othersThan(group, old).map((name) => group.station(name));
  const ballots = () => others.map(({ instance }) => instance?.member.status.ballot);
  const before = ballots()[0];
  group.station(old).kill();
  world.until(() => ballots().every((ballot) => ballot !== before), PATIENCE_MS, "both have promised");
  const isPromiser = ({ instance }: (typeof others)[number]): boolean => instance?.member.status.role === "follower";
  const promiser = others.find(isPromiser);
  const candidate = others.find((each) => each !== promiser);
  world.network.partition([promiser?.machine.name ?? ""], [candidate?.machine.name ?? ""]);
  world.runFor(20);
  promiser?.restart();
  world.network.heal();
  group.station(old).start();
  settle(group);
  world.finish();
}

/** A leader that is cut off proposes alone; the next decides otherwise under that number, and dies before it can tell. */
function outvoteAndDie(seed: number): void {
  const group = quiet({}, seed);
  const { world } = group;
  settle(group);
  const old = leaderOf(group);
  const others = othersThan(group, old);
  const before = group.ledger.highest;
  const apart = world.network.partition([old, "client-1"], others);
  const client = clientOf(group.clients[0]);
  client.replicator.follow([old], old);
  client.call({ op: "append", key: "k", element: "alone" });
  world.until(() => group.ledger.highest > before, PATIENCE_MS, "another has decided");
  const next = others
    .map((name) => group.station(name))
    .find(({ instance }) => instance?.member.status.role === "leader");
  next?.kill();
  apart();
  world.runFor(3_000);
  next?.start();
  settle(group);
  world.finish();
}

/** The only member dies right when it has forgotten decrees: nobody else has them. */
function dieWhenTrimmed(seed: number, substitutes: Substitutes): void {
  const group = quiet(
    { stations: 1, clients: 1, substitutes, limits: { ...LIMITS, snapshotBytes: 512 }, unwatched: true },
    seed,
  );
  const { world } = group;
  settle(group);
  const [station] = group.stations;
  const acknowledged: string[] = [];
  const trims = (): number => station?.instance?.member.status.trims ?? 0;
  for (let round = 0; round < 3; round++) {
    const before = trims();
    while (trims() === before) {
      appendMany(group, acknowledged);
      world.until(() => trims() > before || group.waiting === 0, PATIENCE_MS, "decrees are forgotten");
    }
    station?.restart();
    settle(group);
  }
  assertKept(group, acknowledged);
}

/** Answers to heartbeats take long; then the leader is cut off, and goes on for itself as long as it thinks it may. */
function delayAnswers(seed: number): void {
  const group = quiet({}, seed);
  const { world } = group;
  settle(group);
  const old = leaderOf(group);
  const others = othersThan(group, old);
  for (const from of others) world.network.setWeather({ delayMsMin: 330, delayMsMax: 350 }, { from, to: old });
  world.runFor(2_000);
  world.network.partition([old], others);
  world.runFor(2_000);
  world.network.heal();
  settle(group);
  world.finish();
}

describe("planted mistakes are caught", () => {
  for (const { bug, breaks, seeds, act } of bugs)
    it(`${bug}`, () => {
      const found: string[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        planted.bug = bug;
        const broken = brokenBy(() => act(seed, true));
        planted.bug = "";
        if (broken === undefined) continue;
        found.push(`${seed}: ${broken}`);
        // Without the mistake nothing is wrong.
        if (breaks.includes(broken))
          return expect(
            brokenBy(() => act(seed, false)),
            `seed ${seed}`,
          ).toBe(undefined);
      }
      expect(found, `one of ${breaks.join(", ")} within ${seeds} seeds`).toContain(undefined);
    });
});
