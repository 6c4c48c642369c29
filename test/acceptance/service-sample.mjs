// A service of no use, for the tests of how services live and end. What it does is told by `--behaviour`.
import { commonFields, defineConfig, runService } from "@halon/service-kit";
import { z } from "zod";

const definition = defineConfig({
  service: "sample",
  about: "does nothing, for tests",
  commands: { init: "says what it was given" },
  schema: z.strictObject({
    ...commonFields,
    behaviour: z
      .enum(["good", "unwell", "throws", "rejects", "cannot-start", "stuck", "ends", "never-ready"])
      .default("good")
      .describe("What it does"),
  }),
});

await runService(
  definition,
  async ({ config, log, transport, onStop, onHealth, stop }) => {
    onStop("the first", () => log.info(`the first stops, connected: ${transport.connected}`));
    onStop("the second", () => log.info("the second stops"));
    onHealth(() => ({ healthy: config.behaviour !== "unwell", answered: 42 }));
    if (config.behaviour === "cannot-start") throw new Error("there is no disk");
    if (config.behaviour === "stuck") onStop("the stuck", () => new Promise(() => {}));
    if (config.behaviour === "never-ready") await new Promise(() => {});
    if (config.behaviour === "throws") setImmediate(() => fail());
    if (config.behaviour === "rejects") setImmediate(() => void Promise.reject(new Error("nobody caught this")));
    if (config.behaviour === "ends") setImmediate(() => stop("it was deposed", 3));
  },
  {
    init: ({ config, print }) => {
      print(`init of ${config.node}`);
      return 4;
    },
  },
);

function fail() {
  throw new Error("nobody caught this");
}
