import { connect } from "nats";
import { readMark, Sightings } from "./mark.ts";
import { configOf, serve } from "./worker.ts";

const { port } = configOf<{ readonly port: number }>();
const sightings = new Sightings();
const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false, noAsyncTraces: true });

const begin = async (): Promise<void> => {
  const consumer = await connection.jetstream().consumers.get("EVENTS", "worker");
  const messages = await consumer.consume({ max_messages: 8_192 });
  const read = async (): Promise<void> => {
    for await (const message of messages) {
      sightings.note(readMark(message.data));
      message.ack();
    }
  };
  read().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
};

serve<{ readonly kind: "begin" | "count" | "seen" }>(async ({ kind }) => {
  if (kind === "begin") await begin();
  if (kind === "count") return sightings.count;
  return sightings.take();
});
