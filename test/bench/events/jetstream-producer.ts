import { connect } from "nats";
import { settle } from "../system.ts";
import { type Load, Loader } from "./load.ts";
import { configOf, serve } from "./worker.ts";

export interface JetstreamWorkerConfig {
  readonly port: number;
  readonly number: number;
}

const ACK_MS_MAX = 30_000;
const { port, number } = configOf<JetstreamWorkerConfig>();
const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false, noAsyncTraces: true });
const stream = connection.jetstream({ timeout: ACK_MS_MAX });
const loader = new Loader(number, (payload, type, done) => {
  void settle(stream.publish(`EVENTS.${type}`, payload), (error) => done(error === undefined));
});

serve<Load>((load) => loader.run(load));
