export type { Logger } from "pino";
export { type CommonConfig, commonFields, nameField, stateFields } from "./config/common-fields.ts";
export { configOrExit, EXIT_CODE_MISTAKE } from "./config/config-or-exit.ts";
export { type ConfigDefinition, type ConfigOptions, defineConfig } from "./config/definition.ts";
export { variablesTable } from "./config/help.ts";
export { configJsonSchema } from "./config/json-schema.ts";
export { type ConfigOutcome, type ConfigSources, loadConfig } from "./config/load.ts";
export {
  askHealth,
  type HealthAnswer,
  type HealthOptions,
  type HealthStatus,
  serveHealth,
} from "./health/health.ts";
export { STOP_DEADLINE_MS } from "./lifecycle/lifecycle.ts";
export {
  type Command,
  type CommandContext,
  runService,
  type ServiceContext,
  type ServiceSchema,
} from "./lifecycle/run-service.ts";
export type { StopHook } from "./lifecycle/stop-sequence.ts";
export { createLogger, type LoggerOptions } from "./log/logger.ts";
export { RotatingFile, type RotatingFileOptions } from "./log/rotating-file.ts";
export { RELEASE } from "./release.ts";
