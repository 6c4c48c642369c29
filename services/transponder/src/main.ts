import { runService } from "@halon/service-kit";
import { transponderConfig } from "./config.ts";
import { createTransponder } from "./service.ts";

await runService(transponderConfig, ({ config, clock, random, post, onHealth, onStop }) => {
  const transponder = createTransponder({ node: config.node }, { clock, random, post });
  onHealth(() => transponder.status());
  onStop("the transponder", () => transponder.stop());
});
