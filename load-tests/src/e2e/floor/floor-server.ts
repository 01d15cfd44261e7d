import { createServer } from "node:http";

/**
 * The least an HTTP server can do for a payment: take the body, parse it, and answer JSON of a decision's size. Started as
 * its own process: `floor-server.js <port>`.
 */

/** About what a decision takes as JSON, with its reasons. */
const ANSWER_BYTES = 640;
const HEAD = '{"status":"decided","rung":"model","transaction_id":"';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => {
    if (request.method !== "POST") {
      response.end();
      return;
    }
    const body: { transaction_id: string } = JSON.parse(Buffer.concat(chunks).toString());
    const answer = `${HEAD}${body.transaction_id}","text":"`.padEnd(ANSWER_BYTES, "x");
    response.writeHead(200, { "content-type": "application/json", "content-length": ANSWER_BYTES + 2 });
    response.end(`${answer}"}`);
  });
});

server.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
