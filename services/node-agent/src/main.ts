import { join, resolve } from "node:path";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import { runService } from "@halon/service-kit";
import { agentConfigOf, definition } from "./config.ts";
import { ExclusiveRight } from "./core/exclusive-right.ts";
import { ProcessDriver } from "./driver/process-driver.ts";
import { createAgent } from "./service.ts";
import { StateFile } from "./state/state-file.ts";
import { lockState } from "./state/state-lock.ts";

await runService(definition, async ({ config, log, post, clock, random, onStop, onHealth }) => {
  const { node, stopGraceMs, logDir, logBytesMax } = config;
  const stateDir = resolve(config.stateDir);
  const inherited = process.env;
  const driver = new ProcessDriver({ clock, node, stateDir, logDir, logBytesMax, inherited, stopGraceMs });
  await lockState(join(stateDir, "agent.sock"));
  const tracker = new EqTracker({ clock, random, post });
  const replicator = createStationReplicator({ clock, random, post, tracker });
  const producer = new Producer(`${node}.node-agent`, { clock, random, post, replicator, tracker });
  const onFailure = (err: Error): void => log.error({ err }, "the agent's state cannot be written");
  const state = new StateFile({ clock, path: join(stateDir, "agent.json"), onFailure });
  const { agent: agentConfig, right } = agentConfigOf(config);
  const agent = createAgent(agentConfig, {
    ...{ clock, random, post, producer, tracker, driver, state, right: new ExclusiveRight(right) },
    onNote: (level, text, facts) => log[level](facts, text),
  });
  onHealth(() => ({ healthy: true, ...agent.status() }));
  onStop("the agent", async () => {
    if (config.onStop === "end") await new Promise<void>((ended) => agent.endServices(ended));
    agent.stop();
    driver.close();
    for (const part of [producer, replicator, tracker]) part.stop();
  });
});
