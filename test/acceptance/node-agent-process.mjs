// One life of a node agent on real processes, for node-agent.test.ts. The bus is in memory: monitors that acknowledge, the
// event queue and the coordinator's welcome are played here. Says its status on standard output.
// Arguments: directory, session of the welcome, instances as JSON, the bound in milliseconds.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { createAgent, ExclusiveRight, ProcessDriver, RIGHT_DEFAULTS, StateFile } from "@halon/node-agent";
import { decodeEventPayload, Post, subjectsOf } from "@halon/proto";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { MemoryBus } from "@halon/transport-memory";

const [dir, session, instances, boundMs] = process.argv.slice(2);
const node = "n1";
const bus = new MemoryBus({ clock, random });
const open = (name) => new Post(bus.open(name), random, { cluster: "c", sender: name });
const subjects = subjectsOf("c");

const monitors = open("monitors");
for (const monitor of ["m1", "m2", "m3"])
  monitors.subscribe(subjects.heartbeat(monitor), "heartbeat", ({ value }) => {
    const ack = { monitor, session: value.session, seq: value.seq };
    monitors.publish(subjects.acks(node), { kind: "heartbeatAck", value: ack });
  });

const coordinator = open("coordinator");
const welcome = (agentIncarnation) => {
  const value = { agentIncarnation, session: Number(session), monitors: ["m1", "m2", "m3"], needed: 2 };
  const action = { kind: "welcome", value: { ...value, instances: JSON.parse(instances) } };
  const body = { kind: "command", value: { id: "w", node, epoch: 1, action } };
  coordinator.request(subjects.command(node), body, "commandReply", 1_000, (outcome) => {
    if (outcome.kind !== "reply") welcome(agentIncarnation);
  });
};

const post = open("agent");
const producer = {
  promulgate: (_type, bytes, _options, done) => {
    const event = decodeEventPayload(bytes);
    if (event.kind === "nodeUp") welcome(event.value.agentIncarnation);
    clock.at(clock.nowMs() + 5, () => done({ kind: "stored" }));
  },
};
const stateDir = join(dir, "state");
const driver = new ProcessDriver({
  ...{ clock, node, stateDir, logDir: join(dir, "log"), logBytesMax: 2 ** 20, stopGraceMs: 500 },
  inherited: process.env,
});
const state = new StateFile({
  clock,
  path: join(stateDir, "agent.json"),
  onFailure: (error) => {
    throw error;
  },
});
const config = { node, nodeKind: "user", roles: [], heartbeatMs: 1_000, own: [], coordinator: { kind: "none" } };
const right = new ExclusiveRight({ ...RIGHT_DEFAULTS, boundMs: Number(boundMs) });
const tracker = { status: { stations: [], leader: "", transponders: 0, unanswered: 0 } };
const agent = createAgent(
  { ...config, stopGraceMs: 500 },
  { clock, random, post, producer, tracker, driver, state, right },
);
process.on("SIGTERM", () => agent.endServices(() => process.exit(0)));
setInterval(() => writeSync(1, `${JSON.stringify(agent.status())}\n`), 20);
