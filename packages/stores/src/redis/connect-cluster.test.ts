import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { TestIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { startIdentityServer } from "@tripline/cloud-identity/testing/identity-server";
import { CLUSTER_TAGS } from "@tripline/contracts/key-groups";
import type { TestCluster } from "@tripline/local-stack/testing/redis-cluster";
import { startRedisCluster, untilClusterServes } from "@tripline/local-stack/testing/redis-cluster";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { redisConfig } from "@tripline/settings/connection-config";
import { readConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { checkRedis } from "./check-redis.js";
import type { RedisConnection } from "./connect-cluster.js";
import { openRedis, openSubscriber } from "./connect-cluster.js";
import { awaitRedis, connectRedis, requestRedis } from "./connect-redis.js";
import { sendEncoded } from "./encode-command.js";

const START_MS_MAX = 180_000;
const WAIT_MS_MAX = 60_000;
const OBJECT_ID = "object-1";

const schema = z.object(redisConfig);
let cluster: TestCluster;
const open: { disconnect(): void }[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
}, START_MS_MAX);

afterEach(() => {
  for (const connection of open.splice(0)) connection.disconnect();
});

afterAll(() => cluster?.stop());

function configOf(environment: Readonly<Record<string, string>> = {}): RedisConfig {
  return readConfig(schema, {
    REDIS_URL: cluster.url,
    REDIS_CLUSTER: "true",
    REDIS_TIMEOUT_MS: "5000",
    ...environment,
  });
}

async function connected(config = configOf()): Promise<RedisConnection> {
  const redis = openRedis(config);
  open.push(redis);
  await awaitRedis(redis, WAIT_MS_MAX);
  return redis;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error("it did not happen in time");
    await delay(20);
  }
}

test("each hash tag is in its own part of the slots, so that equal masters have equal numbers of groups", async () => {
  const [first] = cluster.masters;
  const slots = await Promise.all(CLUSTER_TAGS.map((tag) => first?.redis.call("CLUSTER", "KEYSLOT", `key:${tag}x`)));
  const parts = slots.map((slot) => Math.floor((Number(slot) * CLUSTER_TAGS.length) / 16_384));
  expect(parts).toEqual(CLUSTER_TAGS.map((_, index) => index));
});

test("sends commands with several keys and binary values to the master of their slot", async () => {
  const redis = await connected();
  for (const [index, tag] of CLUSTER_TAGS.entries()) {
    const keys = [`a:${tag}1`, `a:${tag}2`];
    const args = ["2", ...keys.flatMap((key) => [key, Buffer.of(index, 255)]), "EX", "60"];
    expect(await sendEncoded(redis, "MSETEX", args, keys[0])).toBe(1);
    expect(await redis.mgetBuffer(keys)).toEqual([Buffer.of(index, 255), Buffer.of(index, 255)]);
  }
  expect(await Promise.all(cluster.masters.map(({ redis: master }) => master.dbsize()))).toEqual([16, 16, 16]);
});

test("a command reaches its key while the slot moves, and afterwards", async () => {
  const redis = await connected();
  const [from, to] = cluster.masters;
  if (from === undefined || to === undefined) throw new Error("the cluster has no masters");
  const key = `moving:${CLUSTER_TAGS[0]}`;
  const slot = Number(await from.redis.call("CLUSTER", "KEYSLOT", key));
  const [source, target] = await Promise.all([from, to].map(({ redis: node }) => node.call("CLUSTER", "MYID")));
  await to.redis.call("CLUSTER", "SETSLOT", slot, "IMPORTING", String(source));
  await from.redis.call("CLUSTER", "SETSLOT", slot, "MIGRATING", String(target));
  // The key does not exist on the source, which replies with ASK.
  expect(await redis.set(key, "one", "NX")).toBe("OK");
  expect(await redis.get(key)).toBe("one");
  const keys = await from.redis.call("CLUSTER", "GETKEYSINSLOT", slot, 100);
  await from.redis.call("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, "KEYS", ...(keys as string[]));
  for (const node of [to, from, ...cluster.masters]) {
    await node.redis.call("CLUSTER", "SETSLOT", slot, "NODE", String(target));
  }
  expect(await redis.get(key)).toBe("one");
  expect(await redis.set(key, "two", "NX")).toBeNull();
});

test("a subscription continues on another connection", async () => {
  const config = configOf();
  const [redis, subscriber] = [await connected(config), openSubscriber(config)];
  open.push(subscriber);
  await awaitRedis(subscriber, WAIT_MS_MAX);
  const received: string[] = [];
  subscriber.on("message", (_channel, message) => received.push(message));
  await subscriber.subscribe("reply:1");
  for (const word of ["one", "two"]) {
    await redis.publish("reply:1", word);
    await until(() => received.includes(word));
    const isBack = once(subscriber, "ready");
    subscriber.stream.destroy();
    await isBack;
  }
});

test("authenticates with tokens on every node, and renews them", async () => {
  let minted = 0;
  let lastToken = "";
  const identity: TestIdentityServer = await startIdentityServer(async () => {
    minted += 1;
    const claims = Buffer.from(JSON.stringify({ oid: OBJECT_ID, jti: minted })).toString("base64url");
    lastToken = `e30.${claims}.c2ln`;
    for (const { redis } of cluster.masters) {
      await redis.acl("SETUSER", OBJECT_ID, "on", `>${lastToken}`, "~*", "&*", "+@all");
    }
    return { text: lastToken, seconds: 2 };
  });
  try {
    // Settings from the environment would require TLS.
    const config = { ...configOf(identity.environment), REDIS_AUTH: "azure-entra" as const };
    const redis = await connected(config);
    if (!("nodes" in redis)) throw new Error("it is not a cluster");
    const whoAmI = () => Promise.all(redis.nodes("master").map((node) => node.acl("WHOAMI")));
    expect(await whoAmI()).toEqual([OBJECT_ID, OBJECT_ID, OBJECT_ID]);
    const before = minted;
    await until(() => minted > before + 1);
    expect(await whoAmI()).toEqual([OBJECT_ID, OBJECT_ID, OBJECT_ID]);
    await until(() => redis.nodes("master").every(({ options }) => options.password === lastToken));
  } finally {
    await identity.close();
  }
});

describe("bad settings are refused at the start", () => {
  const refused = (sentence: RegExp) =>
    expect.objectContaining({ code: "config-invalid", message: expect.stringMatching(sentence) });

  test("one address of a cluster as a single server, and a single server as a cluster", async () => {
    await expect(checkRedis(configOf({ REDIS_CLUSTER: "false" }))).rejects.toEqual(
      refused(/is a node of a cluster: set REDIS_CLUSTER=true/),
    );
    const { redisUrl } = await testStack();
    const single = configOf({ REDIS_URL: new URL("/0", redisUrl).href });
    await expect(checkRedis(single)).rejects.toEqual(refused(/is not a node of a cluster: remove REDIS_CLUSTER/));
    await expect(checkRedis({ ...single, REDIS_CLUSTER: false })).resolves.toBeUndefined();
    expect(() => connectRedis(configOf())).toThrow(/REDIS_CLUSTER=true is not supported here/);
    const stray = connectRedis(cluster.url, undefined, 5_000);
    open.push(stray);
    await awaitRedis(stray);
    const moved = requestRedis(() => Promise.all(CLUSTER_TAGS.map((tag) => stray.get(tag))));
    await expect(moved).rejects.toMatchObject({ code: "redis-unavailable", message: expect.stringContaining("MOVED") });
  });

  test("a password that only some nodes know", async () => {
    const [first, ...others] = cluster.masters;
    await first?.redis.acl("SETUSER", "shop", "on", ">secret", "~*", "&*", "+@all");
    const url = cluster.url.replace("//", "//shop:secret@");
    const names = others.map(({ port }) => `127\\.0\\.0\\.1:${port}`).join("|");
    const config = configOf({ REDIS_URL: url });
    await expect(checkRedis(config)).rejects.toEqual(refused(new RegExp(`reject the user or password .*(${names})`)));
    for (const { redis } of others) await redis.acl("SETUSER", "shop", "on", ">secret", "~*", "&*", "+@all");
    await expect(checkRedis(config)).resolves.toBeUndefined();
  });

  test("slots without a master", async () => {
    for (const { redis } of cluster.masters) await redis.call("CLUSTER", "DELSLOTSRANGE", 100, 199);
    await expect(checkRedis(configOf())).rejects.toEqual(refused(/has no master for slots 100-199: assign them/));
    await cluster.masters[0]?.redis.call("CLUSTER", "ADDSLOTSRANGE", 100, 199);
    await untilClusterServes(cluster.masters);
    await expect(checkRedis(configOf())).resolves.toBeUndefined();
  });

  test("regression #33: a cluster of which only replicas respond, unless masters may be restarting", async () => {
    const lost = await startRedisCluster(1, true);
    try {
      const [replica] = lost.replicas;
      await lost.masters[0]?.kill();
      await until(async () => /^master_link_status:down/m.test((await replica?.redis.info("replication")) ?? ""));
      const config = configOf({ REDIS_URL: `redis://127.0.0.1:${replica?.port}` });
      const warnings: string[] = [];
      await checkRedis(config, { onWarning: (message) => warnings.push(message) });
      expect(warnings).toEqual([
        expect.stringMatching(/^Only replicas of the Redis Cluster respond: start its masters/),
      ]);
      await expect(checkRedis(config, { lostSecondsMin: 0 })).rejects.toEqual(
        refused(/Only replicas of the Redis Cluster respond/),
      );
    } finally {
      await lost.stop();
    }
  });

  test("regression #33: a server that does not say whether it is in a cluster is accepted", async () => {
    const info = "redis_version:9.1.0\r\n";
    const proxy = createServer((socket) => {
      socket.on("data", (bytes) => {
        for (const command of bytes.toString().split(/^(?=\*)/m)) {
          socket.write(/\binfo\b/i.test(command) ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n");
        }
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as AddressInfo;
    try {
      for (const isCluster of ["true", "false"]) {
        const config = configOf({ REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_CLUSTER: isCluster });
        await expect(checkRedis(config)).resolves.toBeUndefined();
      }
    } finally {
      proxy.close();
    }
  });

  test("a Redis that does not respond may be starting, so it is accepted", async () => {
    await expect(checkRedis(configOf({ REDIS_URL: "redis://127.0.0.1:1" }))).resolves.toBeUndefined();
  });
});
