import { once } from "node:events";
import type { IncomingHttpHeaders, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";

const message = z.object({
  type: z.string(),
  version: z.number(),
  timestamp: z.iso.datetime(),
  data: z.record(z.string(), z.unknown()),
});

export interface ReceivedMessage extends z.infer<typeof message> {
  readonly id: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** A webhook receiver on this machine. */
export interface TestReceiver {
  readonly url: string;
  /** The received messages in order of arrival. */
  readonly messages: readonly ReceivedMessage[];
  /** Sets the response to later messages; 204 by default. */
  answer(how: (response: ServerResponse, received: ReceivedMessage) => void): void;
  /** Resolves once at least `count` messages have arrived. */
  received(count: number): Promise<readonly ReceivedMessage[]>;
  /** Ends all connections and refuses new ones. */
  kill(): Promise<void>;
  /** Listens on the same port again. */
  revive(): Promise<void>;
}

const accept = (response: ServerResponse): void => void response.writeHead(204).end();

export async function startReceiver(): Promise<TestReceiver> {
  const messages: ReceivedMessage[] = [];
  let wake = (): void => {};
  let how: (response: ServerResponse, received: ReceivedMessage) => void = accept;
  let server: Server = createServer();
  const listen = async (port: number): Promise<void> => {
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(chunk);
      } catch {
        // The receiver was killed during a request.
        return;
      }
      const received = read(request.headers, Buffer.concat(chunks).toString());
      messages.push(received);
      how(response, received);
      wake();
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    messages,
    answer(given) {
      how = given;
    },
    async received(count) {
      while (messages.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return messages;
    },
    async kill() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    revive: () => listen(port),
  };
}

function read(headers: IncomingHttpHeaders, body: string): ReceivedMessage {
  const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  return {
    ...message.parse(JSON.parse(body)),
    id: String(headers["webhook-id"]),
    body,
    headers: Object.fromEntries(texts),
  };
}
