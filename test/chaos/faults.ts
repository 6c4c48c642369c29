import { PAXOS_DEFAULTS } from "@halon/paxos";
import type { ChaosGroup, Member } from "./chaos-group.ts";
import type { Ways } from "./proxy-link.ts";

/** After so long without a word, a lease has lapsed whatever the clocks are. */
export const THREE_LEASES_MS = 3 * PAXOS_DEFAULTS.leaseMs + 100;

export interface Fault {
  readonly name: string;
  /** False when nothing can be decided while it lasts. */
  readonly keepsMajority: boolean;
  /** Brings it about. Returns how to end it. */
  readonly begin: (group: ChaosGroup, leader: Member, follower: Member) => Promise<() => Promise<void> | void>;
}

type Which = "leader" | "follower";
const WHICH: readonly Which[] = ["leader", "follower"];

const kill = (which: Which): Fault => ({
  name: `${which} killed with -9`,
  keepsMajority: true,
  begin: async (_, leader, follower) => {
    const { station } = which === "leader" ? leader : follower;
    await station.kill();
    return () => station.start();
  },
});

const pause = (which: Which): Fault => ({
  name: `${which} stopped for three leases`,
  keepsMajority: true,
  begin: async (group, leader, follower) => {
    const { station } = which === "leader" ? leader : follower;
    station.pause();
    await group.passed(THREE_LEASES_MS);
    return () => station.resume();
  },
});

const cut = (which: Which, how: string, ways: Ways): Fault => ({
  name: `${which} ${how}`,
  keepsMajority: true,
  begin: async (group, leader, follower) => {
    const { link } = which === "leader" ? leader : follower;
    link.cut(ways);
    await group.passed(THREE_LEASES_MS);
    return () => link.restore();
  },
});

/** What a group comes back from. */
export const FAULTS: readonly Fault[] = [
  ...WHICH.flatMap((which) => [
    kill(which),
    pause(which),
    cut(which, "cut off", { up: false, down: false }),
    cut(which, "not heard", { up: false, down: true }),
    cut(which, "hears nothing", { up: true, down: false }),
  ]),
  {
    name: "all killed with -9",
    keepsMajority: false,
    begin: async ({ members }) => {
      await Promise.all(members.map(({ station }) => station.kill()));
      return async () => void (await Promise.all(members.map(({ station }) => station.start())));
    },
  },
  {
    name: "nats-server killed with -9",
    keepsMajority: false,
    begin: async ({ nats }) => {
      await nats.kill();
      return () => nats.restart();
    },
  },
  {
    name: "nats-server stopped for three leases",
    keepsMajority: false,
    begin: async (group) => {
      group.nats.pause();
      await group.passed(THREE_LEASES_MS);
      return () => group.nats.resume();
    },
  },
];
