import { runService } from "@halon/service-kit";
import { checkStoreCommand, init } from "./commands.ts";
import { definition } from "./config.ts";
import { startStation } from "./run.ts";

await runService(definition, startStation, { init, "check-store": checkStoreCommand });
