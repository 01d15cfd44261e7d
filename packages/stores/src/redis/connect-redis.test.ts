import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Server } from "node:tls";
import { createServer } from "node:tls";
import { makeCertificate } from "@tripline/cloud-identity/testing/certificates";
import type { TestIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { startIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { redisConfig } from "@tripline/settings/connection-config";
import { readConfig } from "@tripline/settings/read-config";
import { Redis } from "ioredis";
import { z } from "zod";
import { awaitRedis, connectRedis, requestRedis } from "./connect-redis.js";
import { SignedInRedis } from "./signed-in-redis.js";

/** A real Valkey, with tokens as passwords. It has no TLS in the tests, so a proxy adds TLS. */

const START_MS_MAX = 180_000;
const READY_MS_MAX = 90_000;
/** Renewed after three quarters of this time. */
const TOKEN_SECONDS = 2;
const OBJECT_ID = "object-1";

const schema = z.object(redisConfig);
const open: { disconnect(): void }[] = [];
let directory: string;
let stack: LocalStack;
let admin: Redis;
let identity: TestIdentityServer;
let minted = 0;
let lastToken = "";
let caFile: string;
/** Its certificate contains the address; the other one's does not. */
let door: Door;
let namedDoor: Door;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-secure-redis-"));
  stack = await startStack({
    directory: join(directory, "stack"),
    parts: ["redis"],
    isDurable: false,
    endOnSignals: false,
  });
  admin = new Redis(stack.redisUrl);
  await admin.acl("SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all");
  await admin.auth("admin", "any");
  const [withAddress, withName] = await Promise.all([
    makeCertificate("redis", ["127.0.0.1"]),
    makeCertificate("redis by name", ["redis.test"]),
  ]);
  caFile = join(directory, "ca.pem");
  await writeFile(caFile, `${withAddress.certificate}\n${withName.certificate}`);
  door = await openDoor(withAddress, stack.redisUrl);
  namedDoor = await openDoor(withName, stack.redisUrl);
  identity = await startIdentityServer(async () => {
    minted += 1;
    const claims = Buffer.from(JSON.stringify({ oid: OBJECT_ID, jti: minted })).toString("base64url");
    lastToken = `e30.${claims}.c2ln`;
    await letIn(lastToken);
    return { text: lastToken, seconds: TOKEN_SECONDS };
  });
}, START_MS_MAX);

afterEach(() => {
  for (const connection of open.splice(0)) connection.disconnect();
  identity.failWith(undefined);
});

afterAll(async () => {
  admin?.disconnect();
  await Promise.all([door?.close(), namedDoor?.close(), identity?.close(), stack?.stop()]);
  await rm(directory, { recursive: true, force: true });
}, START_MS_MAX);

/** Makes Valkey accept this token; with `resetpass`, only this one. */
async function letIn(token: string, ...before: "resetpass"[]): Promise<void> {
  for (const user of [OBJECT_ID, "default"]) {
    await admin.acl("SETUSER", user, "on", ...before, `>${token}`, "~*", "&*", "+@all");
  }
}

interface Door {
  readonly port: number;
  close(): Promise<void>;
}

/** A proxy: TLS to clients, plain TCP to Valkey. */
async function openDoor({ key, certificate }: { key: string; certificate: string }, redisUrl: string): Promise<Door> {
  const { port } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  const server: Server = createServer({ key, cert: certificate }, (outside) => {
    const inside = connect({ host: "127.0.0.1", port: Number(port) });
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.once("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function connectBy(environment: Readonly<Record<string, string>>, onError: (error: Error) => void = () => {}): Redis {
  const config = readConfig(schema, { REDIS_URL: `rediss://127.0.0.1:${door.port}`, ...environment });
  const redis = connectRedis(config, onError, READY_MS_MAX);
  open.push(redis);
  return redis;
}

const withTokens = () => ({ REDIS_AUTH: "azure-entra", REDIS_CA_FILE: caFile, ...identity.environment });

/** How often open connections have authenticated again. */
async function authCalls(): Promise<number> {
  return Number(/cmdstat_auth:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1] ?? 0);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + READY_MS_MAX;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error("it did not happen in time");
    await delay(50);
  }
}

test("connects with TLS and the URL's user and password only if it trusts the CA", async () => {
  await admin.acl("SETUSER", "ingestion", "on", ">s e/cret", "~*", "+@all");
  const url = `rediss://ingestion:${encodeURIComponent("s e/cret")}@127.0.0.1:${door.port}`;
  const redis = connectBy({ REDIS_URL: url, REDIS_CA_FILE: caFile });
  await awaitRedis(redis, READY_MS_MAX);
  expect(await redis.acl("WHOAMI")).toBe("ingestion");
  const stranger = connectBy({ REDIS_URL: url });
  await expect(awaitRedis(stranger, 1_000)).rejects.toThrow(
    /Redis at 127\.0\.0\.1:\d+ is not responding; .*certificate/,
  );
});

test("reports a wrong password or a missing permission as unavailable", async () => {
  await admin.acl("SETUSER", "restricted", "on", ">right", "~idem:*", "+@all");
  const redis = connectRedis(stack.redisUrl, () => {}, READY_MS_MAX);
  open.push(redis);
  await awaitRedis(redis, READY_MS_MAX);
  const unavailable = (reply: string) => ({ code: "redis-unavailable", message: expect.stringContaining(reply) });
  await expect(requestRedis(() => redis.auth("restricted", "wrong"))).rejects.toMatchObject(unavailable("WRONGPASS"));
  await redis.auth("restricted", "right");
  await expect(requestRedis(() => redis.set("rate:1", "1"))).rejects.toMatchObject(unavailable("NOPERM"));
  const script = 'return redis.call("set", "rate:1", "1")';
  await expect(requestRedis(() => redis.eval(script, 0))).rejects.toMatchObject(unavailable("ACL failure"));
  await admin.acl("SETUSER", "default", "resetpass");
  await redis.call("RESET");
  await expect(requestRedis(() => redis.get("idem:1"))).rejects.toMatchObject(unavailable("NOAUTH"));
});

test("an open connection authenticates with the next token before the last one expires, even while subscribed", async () => {
  const errors: Error[] = [];
  const redis = connectBy(withTokens(), (error) => errors.push(error));
  const subscriber = connectBy(withTokens(), (error) => errors.push(error));
  await Promise.all([awaitRedis(redis, READY_MS_MAX), awaitRedis(subscriber, READY_MS_MAX)]);
  expect(await redis.acl("WHOAMI")).toBe(OBJECT_ID);
  const ids = await Promise.all([redis.client("ID"), subscriber.client("ID")]);
  const received: string[] = [];
  subscriber.on("message", (_channel, message) => received.push(message));
  await subscriber.subscribe("reply:1");
  const before = await authCalls();
  await until(async () => (await authCalls()) >= before + 4);
  expect(await Promise.all([redis.client("ID"), subscriber.client("ID")])).toEqual(ids);
  await redis.publish("reply:1", "still here");
  await until(async () => received.length > 0);
  expect(received).toEqual(["still here"]);
  expect(errors).toEqual([]);
});

test("a connection that cannot renew its token keeps it, and retries after a pause", async () => {
  await letIn("old");
  for (const isSubscriber of [false, true]) {
    let asked = 0;
    let closed = 0;
    const signIn = async () => {
      asked += 1;
      // The first renewal is due soon, later ones immediately.
      return { user: OBJECT_ID, password: "old", renewAtMs: Date.now() + (asked === 1 ? 200 : -1) };
    };
    // With RESP2 a subscriber can only use another token on a new connection.
    const redis = new SignedInRedis(stack.redisUrl, { protocol: 2 }, signIn);
    open.push(redis);
    redis.on("close", () => {
      closed += 1;
    });
    await awaitRedis(redis, READY_MS_MAX);
    if (isSubscriber) await redis.subscribe("reply:1");
    const before = await authCalls();
    await until(async () => asked > 1);
    // Time enough for hundreds of attempts.
    await delay(200);
    expect({ closed, sent: (await authCalls()) - before }).toEqual({ closed: 0, sent: 0 });
    expect(asked).toBeLessThan(5);
  }
});

test("a broken connection reconnects with the current token", async () => {
  const redis = connectBy(withTokens());
  await awaitRedis(redis, READY_MS_MAX);
  const id = await redis.client("ID");
  const before = minted;
  await until(async () => minted > before);
  await letIn(lastToken, "resetpass");
  const isBack = once(redis, "ready");
  await admin.client("KILL", "ID", id);
  await isBack;
  expect(await redis.client("ID")).not.toBe(id);
  expect(await redis.acl("WHOAMI")).toBe(OBJECT_ID);
});

test("does not connect without a token, reports why, and retries while it is open", async () => {
  identity.failWith(500);
  const errors: Error[] = [];
  const redis = connectBy(withTokens(), (error) => errors.push(error));
  const closed = connectBy(withTokens());
  await expect(redis.ping()).rejects.toThrow();
  await until(async () => errors.length > 0);
  expect(errors[0]).toMatchObject({ code: "identity-unavailable", message: expect.stringContaining("HTTP 500") });
  closed.disconnect();
  identity.failWith(undefined);
  await awaitRedis(redis, READY_MS_MAX);
  expect(await redis.ping()).toBe("PONG");
  expect(closed.status).not.toBe("ready");
});

test("connects to a server with its own CA and a certificate without addresses, like Memorystore", async () => {
  const url = `rediss://127.0.0.1:${namedDoor.port}`;
  const memorystore = connectBy({ ...withTokens(), REDIS_URL: url, REDIS_AUTH: "gcp-iam" });
  await awaitRedis(memorystore, READY_MS_MAX);
  expect(await memorystore.acl("WHOAMI")).toBe("default");
  const other = connectBy({ ...withTokens(), REDIS_URL: url });
  await expect(awaitRedis(other, 1_000)).rejects.toThrow(/altnames/);
});

test("regression #33: a write to a demoted server fails, and the next one uses a new connection", async () => {
  const redis = connectRedis(stack.redisUrl.replace("//", "//admin:any@"), () => {}, READY_MS_MAX);
  open.push(redis);
  await awaitRedis(redis, READY_MS_MAX);
  const id = await redis.client("ID");
  await admin.replicaof("127.0.0.1", 1);
  const isBack = once(redis, "ready");
  try {
    await expect(requestRedis(() => redis.set("a", "b"))).rejects.toMatchObject({ code: "redis-unavailable" });
    await isBack;
  } finally {
    await admin.call("REPLICAOF", "NO", "ONE");
  }
  expect(await redis.client("ID")).not.toBe(id);
  expect(await redis.set("a", "b")).toBe("OK");
});
