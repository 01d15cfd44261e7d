import { once } from "node:events";
import type { Server, ServerResponse } from "node:http";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { EventStream } from "./event-stream.js";

const STREAM_MS_MAX = 60_000;

let server: Server;

beforeEach(async () => {
  jest.useFakeTimers({ doNotFake: ["nextTick", "setImmediate"] });
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  jest.useRealTimers();
  server.close();
  await once(server, "close");
});

/** A browser's request, and a response that has not been started. */
async function sendRequest() {
  const browser = get({ port: (server.address() as AddressInfo).port }).on("error", () => {});
  const [, raw] = (await once(server, "request")) as [unknown, ServerResponse];
  const gone = once(raw, "close");
  const open = () => new EventStream({ raw, hijack() {}, getHeaders: () => ({}) }, STREAM_MS_MAX);
  return { open, leave: () => browser.destroy(), gone };
}

test.each(["before", "after"])("keeps no state for a browser that disconnects %s its stream opens", async (when) => {
  const { open, leave, gone } = await sendRequest();
  if (when === "before") {
    leave();
    await gone;
  }
  const stream = open();
  let isKept = true;
  stream.onEnd(() => {
    isKept = false;
  });
  if (when === "after") {
    leave();
    await gone;
  }
  expect([isKept, jest.getTimerCount()]).toEqual([false, 0]);
});
