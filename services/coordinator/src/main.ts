import { runService } from "@halon/service-kit";
import { coordinatorConfig } from "./config.ts";
import { startCoordinator } from "./run.ts";

await runService(coordinatorConfig, startCoordinator);
