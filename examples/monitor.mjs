#!/usr/bin/env node
// A monitor of one's own: knocks at the port of every running instance, wherever Halon has put it, and reports those that are deaf.
//   node examples/monitor.mjs user-1.knocker [nats://127.0.0.1:4222] [my.creds]
import { connect as knock } from "node:net";
import { clusterSchema, connect, eventKind, Instance, runsOn } from "@halon/client";

const [name = "", server = "nats://127.0.0.1:4222", credentials] = process.argv.slice(2);
const EVERY_MS = Number(process.env.KNOCK_MS ?? 1_000);
const InstanceDeaf = eventKind("instance-deaf"); // as JSON: a rule reads it with JSON.parse

const halon = await connect({ cluster: process.env.HALON_CLUSTER ?? "halon", name, servers: [server], credentials });
let graph; // the newest: an immutable snapshot
const isDeaf = (port) =>
  new Promise((done) => {
    const socket = knock({ port, timeout: 500 });
    for (const [event, is] of [["connect", false], ["timeout", true], ["error", true]]) // prettier than three lines
      socket.once(event, () => done(is) ?? socket.destroy());
  });
async function round() {
  for (const [id, { port, state }] of graph.all(Instance))
    if (state === "running" && port > 0 && (await isDeaf(port))) {
      await halon.submit(InstanceDeaf, { instance: id, node: graph.outOne(runsOn, id) }, { mergeKey: id });
      console.log(`${id} is deaf: stored`); // it reaches the coordinator, whatever dies
    }
  setTimeout(round, EVERY_MS);
}
for await (const news of halon.graph.watch(clusterSchema)) {
  if (graph === undefined) setTimeout(round, 0);
  graph = news.graph;
  console.log(`${news.kind} at ${news.index}: ${graph.count(Instance)} instances`);
}
