// A worker whose instances differ: each works on the shard that its parameter names.
import { createServer } from "node:http";

const WORK_MS = 200;
const { PORT = "0", HALON_INSTANCE: instance = "worker/0", HALON_NODE: node = "?", SHARD: shard } = process.env;
if (shard === undefined) {
  console.error("SHARD is not set: say in cluster.yaml which shard each instance works on");
  process.exit(1);
}
let done = 0;
const timer = setInterval(() => {
  done++;
}, WORK_MS);

const server = createServer((_, response) => {
  response.writeHead(200, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify({ instance, node, shard, done, pid: process.pid })}\n`);
});
server.listen(Number(PORT), () => console.log(JSON.stringify({ msg: "working", instance, node, shard })));

process.once("SIGTERM", () => {
  clearInterval(timer);
  server.close();
  server.closeAllConnections();
});
