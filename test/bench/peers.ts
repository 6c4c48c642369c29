import { existsSync } from "node:fs";
import type { Scratch } from "../log-group/scratch.ts";
import { notOnPath } from "./machine.ts";
import { startEtcd } from "./peer-etcd.ts";
import { startJetstream } from "./peer-jetstream.ts";
import { startZookeeper, ZOOKEEPER_JAR } from "./peer-zookeeper.ts";
import type { System } from "./system.ts";

/** Another system that gets the same load. */
export interface Peer {
  readonly name: string;
  /** What it needs that is not here. */
  missing(): readonly string[];
  /** How to get it. */
  readonly remedy: string;
  start(scratch: Scratch): Promise<System>;
  /** What its figures must not be read without. */
  readonly caveat?: string;
}

export const PEERS: readonly Peer[] = [
  {
    name: "etcd",
    missing: () => notOnPath("etcd"),
    remedy: "apt-get install etcd-server",
    start: startEtcd,
  },
  {
    name: "zookeeper",
    missing: () => [...notOnPath("java"), ...(existsSync(ZOOKEEPER_JAR) ? [] : [ZOOKEEPER_JAR])],
    remedy: "apt-get install zookeeper",
    start: startZookeeper,
  },
  {
    name: "jetstream",
    missing: () => notOnPath("nats-server"),
    remedy: "apt-get install nats-server",
    start: startJetstream,
    caveat: "jetstream does not fsync before it answers: it flushes to disk every 2 minutes",
  },
];
