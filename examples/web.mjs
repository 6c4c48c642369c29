// A web service. `/` tells who answers, `/health` whether it is well. Halon gives it PORT, and says who it is.
import { createServer } from "node:http";

const {
  PORT = "0",
  HALON_INSTANCE: instance = "web/0",
  HALON_NODE: node = "?",
  HALON_GENERATION: generation = "0",
} = process.env;
const startedAt = new Date().toISOString();

const page = () => `<!doctype html>
<title>${instance}</title>
<h1>${instance}</h1>
<p>runs on <b>${node}</b> as process ${process.pid}, generation ${generation}, since ${startedAt}</p>
`;

const server = createServer((request, response) => {
  const isHealth = request.url === "/health";
  if (!isHealth && request.url !== "/") {
    response.writeHead(404).end("not here\n");
    return;
  }
  response.writeHead(200, { "content-type": isHealth ? "application/json" : "text/html", connection: "close" });
  response.end(isHealth ? `${JSON.stringify({ instance, node, generation, pid: process.pid })}\n` : page());
});
server.listen(Number(PORT), () => console.log(JSON.stringify({ msg: "listening", instance, node, port: PORT })));

process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
