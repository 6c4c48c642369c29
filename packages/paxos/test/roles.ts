import type { MemberId } from "@halon/consensus";
import type { PaxosConfig } from "@halon/paxos";
import { type Found, Transcript } from "./transcript.ts";

const THREE: readonly MemberId[] = ["a", "b", "c"];
export const FIVE: readonly MemberId[] = ["a", "b", "c", "d", "e"];

type Config = Partial<PaxosConfig>;

const bare = (self: MemberId, config: Config, nowMs = 0): Transcript =>
  new Transcript({ group: "g", self, ...config }, nowMs);

/** One of those who found a group; the others have greeted it. */
export function member(self: MemberId, members = THREE, config: Config = {}): Transcript {
  const one = bare(self, config);
  one.found(members);
  one.start();
  one.greet(...members.filter((other) => other !== self));
  return one;
}

/** Comes to a group that exists, with an empty disk; nobody has told it anything. */
export function joiner(self: MemberId, config: Config = {}): Transcript {
  const one = bare(self, config);
  one.start();
  return one;
}

/** A later life of `self`, begun from what is left of its journal. Nobody has greeted it yet. */
export function reborn(self: MemberId, journal: Found, applied = 0, config: Config = {}, nowMs = 0): Transcript {
  const one = bare(self, config, nowMs);
  one.restore(journal);
  one.start(applied);
  return one;
}

/** `a`, leader in ballot 1.a of those members, chosen by itself and as many of the others as it takes. */
export function leader(members = THREE, config: Config = {}): Transcript {
  const a = member("a", members, config);
  const others = members.filter((id) => id !== "a").slice(0, Math.floor(members.length / 2));
  a.run("wait 600\ntimer election");
  for (const id of others) a.run(`${id}: probeOk`);
  for (const id of ["a", ...others]) a.run(`${id}: prepareOk ballot=1.a`);
  return a;
}

/** One of a, b, c that knows that decree 1 has made a, b and d the second legislature. */
export function inSecond(self: "b" | "c"): Transcript {
  const one = member(self);
  one.run(`a: accept ballot=1.a number=1 members=a+b+d
           a: heartbeat ballot=1.a chosen=1 round=1`);
  return one;
}
