import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Admin } from "@platformatic/kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { AdminConnection } from "./admin-connection.js";
import { TestResources } from "./testing/test-resources.js";

const resources = new TestResources();
let brokers: string[];

beforeAll(async () => {
  ({ kafkaBrokers: brokers } = await testStack());
});

afterEach(() => resources.close());

const clusterId = async (admin: Admin) => (await admin.metadata({ topics: [], forceUpdate: true })).id;

/** Listens and never accepts: Linux ignores new connections once its queue of two is full. */
const NEVER_ACCEPTS = `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/** The port of a broker whose machine does not answer. */
async function silentBroker(): Promise<number> {
  const worker = new Worker(NEVER_ACCEPTS, { eval: true });
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const sockets = Array.from({ length: 4 }, () => connect({ port, host: "127.0.0.1" }).on("error", () => {}));
  resources.keep({
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await worker.terminate();
    },
  });
  await sleep(100);
  return port;
}

test("regression #25: only the first call waits for a broker that is down", async () => {
  const silent = await silentBroker();
  let attempts = 0;
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    socket.on("connectionAttempt", (_address: string, port: number) => {
      if (port === silent) attempts += 1;
    });
  };
  const cluster = { brokers: [`127.0.0.1:${silent}`, ...brokers], clientId: "test" };
  const connection = resources.keep(new AdminConnection(cluster));
  subscribe("net.client.socket", onSocket);
  try {
    await connection.call(clusterId);
    const before = attempts;
    expect(before).toBeGreaterThan(0);
    // Each attempt would wait for the connection timeout, which is also the limit of a readiness check.
    for (let call = 0; call < 3; call += 1) await connection.call(clusterId);
    expect(attempts).toBe(before);
  } finally {
    unsubscribe("net.client.socket", onSocket);
  }
});

test("regression #25: a call is repeated as a whole, so that it refreshes its metadata", async () => {
  let socket: Socket | undefined;
  const onSocket = (opened: Socket) => {
    socket = opened;
  };
  const connection = resources.keep(new AdminConnection({ brokers, clientId: "test", onSocket }));
  const id = await connection.call(clusterId);
  let tries = 0;
  const found = await connection.call((admin) => {
    tries += 1;
    const answer = clusterId(admin);
    if (tries === 1) socket?.destroy(new Error("cut"));
    return answer;
  });
  expect([found, tries]).toEqual([id, 2]);
});

test("regression #25: a failed call does not disconnect a concurrent one", async () => {
  const connection = resources.keep(new AdminConnection({ brokers, clientId: "test" }));
  const failed = Promise.withResolvers<void>();
  let tries = 0;
  const concurrent = connection.call(async (admin) => {
    tries += 1;
    await failed.promise;
    return clusterId(admin);
  });
  await expect(connection.call(() => Promise.reject(new Error("wrong")))).rejects.toThrow("wrong");
  failed.resolve();
  expect(await concurrent).toMatch(/^\S{22}$/);
  expect(tries).toBe(1);
});

test("a call after closing fails", async () => {
  const connection = new AdminConnection({ brokers, clientId: "test" });
  await connection.call(clusterId);
  await connection.close();
  await expect(connection.call(clusterId)).rejects.toMatchObject({ code: "kafka-unavailable" });
});
