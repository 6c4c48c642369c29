export { coordinatorConfig } from "./config.ts";
export * from "./coordinator-core.ts";
export { Resident, type ResidentPorts } from "./resident.ts";
export {
  clusterSpec,
  instanceChanged,
  monitorUp,
  nodeUnreachable,
  nodeUp,
  RULES,
  sessionBegun,
} from "./rules/index.ts";
export { EXCLUSIVE_BOUND_MS, HEAL_MS } from "./rules/node-unreachable.ts";
export * from "./schema.ts";
export * from "./service.ts";
