import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer } from "node:http";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** A fake upstream service with configurable responses, which records its requests. */
export interface FakeService {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Handles requests, for a server that serves it under a path. */
  readonly handle: RequestListener;
  answer: { status: number; body: object };
  close(): void;
}

export async function startFakeService(): Promise<FakeService> {
  const seen: SeenRequest[] = [];
  const handle: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const { method = "", url = "", headers } = request;
      const isJson = headers["content-type"]?.includes("json") === true;
      seen.push({ method, path: url, headers, body: isJson && text !== "" ? JSON.parse(text) : text || undefined });
      const { status, body } = fake.answer;
      response
        .writeHead(status, { "content-type": "application/json", "set-cookie": "neighbour=1" })
        .end(JSON.stringify(body));
    });
  };
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the service has no port");
  const fake: FakeService = {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    handle,
    answer: { status: 200, body: {} },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return fake;
}
