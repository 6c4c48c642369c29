import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator, Producer } from "@halon/event-queue";
import { Post } from "@halon/proto";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import { type Load, Loader } from "./load.ts";
import { configOf, serve } from "./worker.ts";

export interface ProducerWorkerConfig {
  readonly cluster: string;
  readonly natsUrl: string;
  readonly number: number;
}

const { cluster, natsUrl, number } = configOf<ProducerWorkerConfig>();
const name = `user-${number}.bench`;
const transport = await openTransportNats({ servers: [natsUrl], name });
const post = new Post(transport, random, { cluster, sender: name });
const tracker = new EqTracker({ clock, random, post });
const replicator = createStationReplicator({ clock, random, post, tracker });
const producer = new Producer(name, { clock, random, post, replicator, tracker });
const loader = new Loader(number, (payload, type, done) =>
  producer.promulgate(type, payload, {}, ({ kind }) => done(kind === "stored")),
);

serve<Load>((load) => loader.run(load));
