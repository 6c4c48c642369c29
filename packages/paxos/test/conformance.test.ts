import { consensusConformance } from "@halon/consensus/conformance";
import { Paxos } from "@halon/paxos";
import { describe, expect, it } from "vitest";

consensusConformance(
  { describe, it, expect },
  {
    make: (self) => new Paxos({ group: "g", self }),
    patienceMs: 10_000,
    paceMs: 300,
  },
);
