export type { StationView } from "../station-list.ts";
export * from "./api-error.ts";
export { type ApiServer, type ApiServerOptions, REQUEST_BYTES_MAX, SERVICE, serveApi } from "./api-server.ts";
export type { StationsChange, StationsChanged } from "./change-stations.ts";
export { HANDLE_MS_MAX, type HandlerPorts, Handlers } from "./handlers.ts";
export { openHandlers, type StationAccess } from "./open-handlers.ts";
export { type QueueHandlerPorts, QueueHandlers } from "./queue-handlers.ts";
