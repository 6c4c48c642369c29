import { runService } from "@halon/service-kit";
import { adopt, checkStoreCommand, init } from "./commands.ts";
import { definition } from "./config.ts";
import { startStation } from "./run.ts";

await runService(definition, startStation, { init, adopt, "check-store": checkStoreCommand });
