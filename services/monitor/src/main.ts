import { runService } from "@halon/service-kit";
import { monitorConfig } from "./config.ts";
import { createMonitor } from "./service.ts";

await runService(monitorConfig, ({ config, log, clock, random, post, transport, onHealth, onStop }) => {
  const { node, suspicionMs, driftRatio } = config;
  const monitor = createMonitor(
    { node, suspicionMs, driftRatio },
    { clock, random, post, transport, onNotice: (notice, facts) => log.warn(facts, notice) },
  );
  onHealth(() => monitor.status());
  onStop("the monitor", () => monitor.stop());
});
