export type { NatsReport } from "./dialer.ts";
export { openTransportNats, type TransportNatsOptions } from "./transport-nats.ts";
