import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import fc from "fast-check";
import type { Redis } from "ioredis";
import { Command } from "ioredis";
import { awaitRedis, connectRedis } from "./connect-redis.js";
import { addCommand, encodeArguments, encodeCommand, sendEncoded } from "./encode-command.js";

let redis: Redis;

beforeAll(async () => {
  redis = connectRedis((await testStack()).redisUrl, undefined, REDIS_PATIENCE_MS);
  await awaitRedis(redis);
});
afterAll(() => redis.disconnect());

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((value) => Buffer.from(value));

test("encodes a command like ioredis", () => {
  fc.assert(
    fc.property(fc.constantFrom("get", "msetex"), fc.array(fc.oneof(text, bytes)), (name, args) => {
      const expected = new Command(name, args).toWritable({});
      expect(encodeCommand(name, args)).toEqual(Buffer.from(expected));
    }),
  );
});

test("encodes arguments shared by several commands as if each command had its own", () => {
  const shared = ["card", "schlüssel", "", "x".repeat(300)];
  const [before, after] = [["1"], ["é"]];
  const encoded = encodeCommand("mget", [...before, encodeArguments(shared), ...after]);
  expect(encoded).toEqual(encodeCommand("mget", [...before, ...shared, ...after]));
  expect(encoded).toEqual(Buffer.from(new Command("mget", [...before, ...shared, ...after]).toWritable({})));
});

test("sends a single command, and rejects with the error in its reply", async () => {
  await expect(sendEncoded(redis, "set", ["schlüssel of its own", Buffer.from([0, 255])])).resolves.toEqual(
    Buffer.from("OK"),
  );
  await expect(sendEncoded(redis, "mget", ["schlüssel of its own"])).resolves.toEqual([Buffer.from([0, 255])]);
  await expect(sendEncoded(redis, "incr", ["too", "many"])).rejects.toMatchObject({ name: "ReplyError" });
});

test("returns its reply as buffers, in its place among the others", async () => {
  const value = Buffer.from([0, 255, 13, 10, 36]);
  const transaction = redis.multi();
  addCommand(transaction, "set", ["schlüssel", value]);
  expect(await addCommand(transaction, "mget", ["schlüssel", "none"]).exec()).toEqual([
    [null, Buffer.from("OK")],
    [null, [value, null]],
  ]);
  const pipeline = redis.pipeline().set("number", 1);
  const replies = await addCommand(pipeline, "incr", ["number", "more"]).get("number").exec();
  expect(replies).toEqual([
    [null, "OK"],
    [expect.objectContaining({ name: "ReplyError" }), undefined],
    [null, "1"],
  ]);
});
