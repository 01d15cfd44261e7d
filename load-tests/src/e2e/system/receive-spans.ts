import { createServer } from "node:http";

/*
 * A receiver of OTLP over HTTP that takes everything and keeps nothing: what an exporter costs its service, without what a
 * collector does. `GET /` tells how many bytes have arrived.
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
