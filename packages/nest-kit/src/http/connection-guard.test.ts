import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import type { RunningService } from "../start-service.js";
import { firstAnswered, postHead, RawClient, SLOW_ANSWER_MS, startTestService } from "../testing/service.js";

const LATE = /^HTTP\/1\.1 408 .*"code":"request-timeout"/s;
const FULL = /^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"code":"queue-full"/s;
const TAKEN = /^HTTP\/1\.1 201 .*\{"taken":true\}$/s;

describe("the connection guard", () => {
  let service: RunningService;
  const clients: RawClient[] = [];
  const open = (limits: Parameters<typeof startTestService>[0]): Promise<RawClient> => openClient(limits);

  async function openClient(options: Parameters<typeof startTestService>[0]): Promise<RawClient> {
    service = await startTestService(options);
    const client = new RawClient(service);
    clients.push(client);
    return client;
  }

  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await service.close();
  });

  test("closes a connection whose headers arrive too slowly", async () => {
    const client = await open({ limits: { headersTimeoutMs: 300 } });
    client.write("POST /body HTTP/1.1\r\nhost: x\r\nx-drip: ");
    expect(await client.drip("a", 20)).toMatch(LATE);
  });

  test("closes an idle connection without a response", async () => {
    const client = await open({ limits: { headersTimeoutMs: 300 } });
    expect(await client.ended).toBe("");
  });

  test("regression #12: closes a connection whose body arrives too slowly, after a grace period", async () => {
    const client = await open({ limits: { bodyGraceMs: 200, bodyBytesPerSecondMin: 10_000 } });
    client.write(postHead("/body", 60_000));
    expect(await client.drip(" ", 20)).toMatch(LATE);
  });

  test("closes a connection whose chunked body arrives too slowly, after a grace period", async () => {
    const client = await open({ limits: { bodyGraceMs: 200, bodyBytesPerSecondMin: 10_000 } });
    client.write(postHead("/body", "chunked"));
    expect(await client.drip("1\r\n \r\n", 20)).toMatch(LATE);
  });

  test("regression #12: closes a connection whose body never ends", async () => {
    const client = await open({ limits: { bodyGraceMs: 200, bodyBytesPerSecondMin: 10 } });
    client.write(`${postHead("/body", 60_000)}{"half":`);
    expect(await client.ended).toMatch(LATE);
  });

  test("closes a connection whose body continues after the response", async () => {
    const client = await open({ limits: { bodyGraceMs: 200, bodyBytesPerSecondMin: 10 } });
    client.write(`${postHead("/nowhere", 60_000).replace("application/json", "application/xml")}<half>`);
    const received = await client.ended;
    expect(received).toMatch(/^HTTP\/1\.1 4/);
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test("closes a connection after the total time limit, even if its body arrives fast enough", async () => {
    const client = await open({ limits: { requestTimeoutMs: 600, bodyGraceMs: 50, bodyBytesPerSecondMin: 10 } });
    client.write(postHead("/body", 60_000));
    expect(await client.drip(" ".repeat(100), 20)).toMatch(LATE);
  });

  test("accepts a body with a sufficient rate, however long it takes", async () => {
    const client = await open({ limits: { bodyGraceMs: 50, bodyBytesPerSecondMin: 10 } });
    client.write(postHead("/body", 2_002));
    for (let part = 0; part < 20; part += 1) {
      client.write(" ".repeat(100));
      await delay(50);
    }
    client.write("{}");
    expect(await client.answer()).toMatch(TAKEN);
  });

  test("does not cut off a caller who waits for a response", async () => {
    const timeoutMs = SLOW_ANSWER_MS / 5;
    const limits = { requestTimeoutMs: timeoutMs, headersTimeoutMs: timeoutMs, bodyGraceMs: 50 };
    const client = await open({ limits: { ...limits, bodyBytesPerSecondMin: 1_000_000 } });
    client.write(`${postHead("/slow", 2)}{}`);
    expect(await client.answer()).toMatch(/^HTTP\/1\.1 201 .*\{"waited":true\}$/s);
  });

  test("a waiting caller does not get the response to the next request on its connection", async () => {
    const client = await open({});
    client.write(`${postHead("/slow", 2)}{}NONSENSE\r\n\r\n`);
    expect(await client.ended).toBe("");
  });

  test("a waiting caller does not get the response to a later, endless body on its connection", async () => {
    const client = await open({ limits: { bodyGraceMs: 50 } });
    client.write(`${postHead("/slow", 2)}{}${postHead("/body", 1_000)}`);
    expect(await client.ended).toBe("");
  });
});

describe("bytes of incomplete bodies", () => {
  const HALF = "[".padEnd(10_000);
  const REST = "]".padStart(10_000);
  let service: RunningService;
  let clients: RawClient[];

  beforeEach(async () => {
    service = await startTestService({ limits: { unfinishedBytesMax: 110_000 } });
  });

  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await service.close();
  });

  /** Sends the first half of ten requests. Those within the limit stay open; all others are rejected. */
  async function sendHalves(head: string, half: string): Promise<{ refused: RawClient[]; open: RawClient[] }> {
    clients = Array.from({ length: 10 }, () => new RawClient(service).write(`${head}${half}`));
    const refused = await firstAnswered(clients, 5);
    return { refused, open: clients.filter((client) => !refused.includes(client)) };
  }

  test("are limited, and bodies within the limit are accepted", async () => {
    const { refused, open } = await sendHalves(postHead("/body", 20_000), HALF);
    for (const client of refused) expect(client.received).toMatch(FULL);
    const small = new RawClient(service).write(`${postHead("/body", 2)}{}`);
    clients.push(small);
    expect(await small.answer()).toMatch(TAKEN);
    for (const client of open) expect(await client.write(REST).answer()).toMatch(TAKEN);
    // The capacity is released each time.
    for (let round = 0; round < 10; round += 1) {
      const next = new RawClient(service).write(`${postHead("/body", 20_000)}${HALF}${REST}`);
      clients.push(next);
      expect(await next.answer()).toMatch(TAKEN);
    }
  });

  test("are limited for chunked bodies without a length", async () => {
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const { refused, open } = await sendHalves(postHead("/body", "chunked"), chunk(HALF) + chunk(HALF.slice(1)));
    for (const client of refused) expect(client.received).toMatch(FULL);
    for (const client of open) expect(await client.write(`${chunk("]")}0\r\n\r\n`).answer()).toMatch(TAKEN);
  });

  test("are released when a connection breaks", async () => {
    const { open } = await sendHalves(postHead("/body", 20_000), HALF);
    for (const { socket } of open) socket.destroy();
    for (;;) {
      const client = new RawClient(service).write(`${postHead("/body", 20_000)}${HALF}${REST}`);
      clients.push(client);
      if (TAKEN.test(await client.answer())) break;
      expect(client.received).toMatch(FULL);
    }
  });
});

describe("connections from one address", () => {
  test("are limited, and a closed one makes room for another", async () => {
    const service = await startTestService({ limits: { connectionsPerAddressMax: 3 } });
    const request = `${postHead("/body", 2)}{}`;
    const clients = [1, 2, 3].map(() => new RawClient(service));
    for (const client of clients) expect(await client.write(request).answer()).toMatch(TAKEN);
    expect(await new RawClient(service).write(request).ended).toBe("");
    clients[0]?.socket.destroy();
    let isTaken = false;
    while (!isTaken) {
      const client = new RawClient(service).write(request);
      isTaken = await client.answer().then(
        (text) => TAKEN.test(text),
        () => false,
      );
      clients.push(client);
    }
    for (const { socket } of clients) socket.destroy();
    await service.close();
  });
});

describe("a closing service", () => {
  test("ends incomplete requests, answers complete ones, and does not wait for the timeout", async () => {
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const service = await startTestService({ logger: pino({}, sink), limits: { closeGraceMs: 300 } });
    const silent = new RawClient(service);
    const inHeaders = new RawClient(service).write("POST /body HTTP/1.1\r\nhost: x\r\nx-half: ");
    const inBody = new RawClient(service).write(`${postHead("/body", 1_000)}{"half":`);
    const waiting = new RawClient(service).write(`${postHead("/slow", 2)}{}`);
    const idle = new RawClient(service).write(`${postHead("/body", 2)}{}`);
    expect(await idle.answer()).toMatch(TAKEN);
    await service.close();
    expect(await silent.ended).toBe("");
    expect(await inHeaders.ended).toBe("");
    expect(await inBody.ended).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"code":"shutting-down"/s);
    expect(await waiting.ended).toMatch(/^HTTP\/1\.1 201 .*connection: close\r\n.*\{"waited":true\}$/is);
    expect(lines.join("")).not.toContain("shutdown step failed");
  });
});
