#!/usr/bin/env node
// A monitor of one's own: knocks at the port of every running instance of the cluster, and reports those that are deaf.
//   node examples/monitor.mjs user-1.knocker [halon] [nats://127.0.0.1:4222] [my.creds]
import { createConnection } from "node:net";
import { clusterSchema, connect, eventKind, Instance, runsOn } from "@halon/client";

const [name = "", cluster = "halon", server = "nats://127.0.0.1:4222", credentials] = process.argv.slice(2);
const EVERY_MS = 1_000;
const InstanceDeaf = eventKind("instance-deaf"); // travels as JSON: a rule reads it with JSON.parse

const halon = await connect({ cluster, name, servers: [server], credentials });
let graph; // the newest: an immutable snapshot

const answers = (port) =>
  new Promise((done) => {
    const socket = createConnection({ port, timeout: 500 });
    const say = (is) => socket.destroy() && done(is);
    socket
      .once("connect", () => say(true))
      .once("timeout", () => say(false))
      .once("error", () => say(false));
  });
async function round() {
  for (const [id, { port, state }] of graph.all(Instance)) {
    if (state !== "running" || port === 0 || (await answers(port))) continue;
    await halon.submit(InstanceDeaf, { instance: id, node: graph.outOne(runsOn, id) }, { mergeKey: id });
    console.log(`${id} is deaf: stored`); // and so it reaches the coordinator, whatever dies
  }
  setTimeout(() => void round(), EVERY_MS);
}
for await (const news of halon.graph.watch(clusterSchema)) {
  if (graph === undefined) setTimeout(() => void round());
  graph = news.graph;
  console.log(`${news.kind} at ${news.index}: ${graph.count(Instance)} instances`);
}
