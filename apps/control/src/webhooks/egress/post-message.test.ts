import type { ServerResponse } from "node:http";
import { checkTarget } from "@tripline/http/egress/check-target";
import { AllowedNetworks } from "@tripline/http/egress/networks";
import type { TestReceiver } from "../../testing/test-receiver.js";
import { startReceiver } from "../../testing/test-receiver.js";
import { MessagePoster } from "./post-message.js";

const BODY = JSON.stringify({ type: "webhook.test", version: 1, timestamp: "2026-11-30T00:00:00Z", data: {} });
const TIMEOUT_MS = 500;
const MIB = 1_048_576;

let receiver: TestReceiver;
const poster = new MessagePoster(TIMEOUT_MS);
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(async () => {
  poster.close();
  await receiver.kill();
});

const loopback = new AllowedNetworks(["127.0.0.0/8"]);

async function post(how: (response: ServerResponse) => void) {
  receiver.answer(how);
  const target = await checkTarget(receiver.url, loopback, async () => []);
  return poster.post(target, { "webhook-id": "evt_1" }, BODY);
}

test.each([
  ["accepts", 204, {}, 0],
  ["redirects to a metadata service", 302, { location: "http://169.254.169.254/latest/meta-data" }, 0],
  ["is gone", 410, {}, 0],
  ["requests a pause", 503, { "retry-after": "120" }, 120_000],
  ["requests a pause until a date", 503, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }, 0],
])("reports the status of a receiver that %s", async (_what, status, headers, retryAfterMs) => {
  const before = receiver.messages.length;
  const result = await post((response) => response.writeHead(status, headers).end("secret"));
  expect(result).toEqual({ status, error: undefined, retryAfterMs });
  expect(receiver.messages).toHaveLength(before + 1);
});

test("a request to an unresponsive receiver times out", async () => {
  await expect(post(() => {})).resolves.toEqual({ status: undefined, error: "TIMEOUT", retryAfterMs: 0 });
});

test("regression #30: a response's status counts even if its body never ends", async () => {
  const result = await post((response) => response.writeHead(200).write("accepted"));
  expect(result).toEqual({ status: 200, error: undefined, retryAfterMs: 0 });
});

test("reads only the beginning of a 100 MB response", async () => {
  let written = 0;
  const closed = new Promise<void>((resolve) => {
    void post((response) => {
      response.on("close", resolve);
      const block = Buffer.alloc(MIB);
      const write = (): void => {
        while (written < 100 * MIB && !response.destroyed) {
          written += MIB;
          if (!response.write(block)) return void response.once("drain", write);
        }
      };
      response.writeHead(200);
      write();
    }).then((result) => expect(result).toMatchObject({ status: 200, error: undefined }));
  });
  await closed;
  expect(written).toBeLessThan(20 * MIB);
});

test("reports a refused connection with its error code", async () => {
  await receiver.kill();
  await expect(post(() => {})).resolves.toMatchObject({ error: "ECONNREFUSED" });
  await receiver.revive();
});

test("does not resolve a name again after the check, even if its address changes", async () => {
  receiver.answer((response) => response.writeHead(204).end());
  const answers = ["127.0.0.1", "169.254.169.254"];
  const port = new URL(receiver.url).port;
  const before = receiver.messages.length;
  const target = await checkTarget(`http://rebinding.invalid:${port}/`, loopback, async () => [answers.shift() ?? ""]);
  await expect(poster.post(target, {}, BODY)).resolves.toMatchObject({ status: 204 });
  expect(receiver.messages[before]?.headers.host).toBe(`rebinding.invalid:${port}`);
  expect(answers).toEqual(["169.254.169.254"]);
});

test("replaces a connection that the receiver closed while it was idle", async () => {
  const accept = (response: ServerResponse): void => void response.writeHead(204).end();
  await post(accept);
  const before = receiver.messages.length;
  await receiver.kill();
  await receiver.revive();
  await expect(post(accept)).resolves.toMatchObject({ status: 204 });
  expect(receiver.messages).toHaveLength(before + 1);
});
