import { runService } from "@halon/service-kit";
import { definition } from "./config.ts";
import { startSupervisor } from "./run.ts";

await runService(definition, startSupervisor);
