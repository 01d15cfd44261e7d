import { createServer } from "node:http";

/*
 * An OTLP/HTTP receiver that accepts and discards everything, to measure the cost of an exporter in its service without
 * the cost of a collector. `GET /` returns the number of received bytes.
 *
 *   node receive-spans.js <port>
 */
let bytes = 0;
const server = createServer((request, response) => {
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on("end", () => {
    if (request.method === "GET") response.end(String(bytes));
    else response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
