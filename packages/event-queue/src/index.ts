export * from "./event-feed.ts";
export * from "./producer.ts";
export * from "./producer-core.ts";
export { PRODUCERS_MAX, WINDOW } from "./producers.ts";
export * from "./queue-state.ts";
export * from "./rendezvous.ts";
export * from "./station-replicator.ts";
