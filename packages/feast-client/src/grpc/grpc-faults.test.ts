import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { handleUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { FeastError } from "../feast-error.js";
import { toRecords } from "../online-features.js";
import { serveFaults } from "../testing/fault-server.js";
import { encodeValue } from "../values/encode-value.js";
import { encodeTimestamp } from "../values/timestamp.js";
import type { FeastGrpcOptions } from "./feast-grpc-client.js";
import { FeastGrpcClient } from "./feast-grpc-client.js";

const REQUEST = { features: ["stats:mean"], entities: [{ card_id: "c1" }] };
const AT_MS = 1_772_366_405_123.456;
/** Far longer than a response takes, even on a busy machine. */
const ANSWER_MS_MAX = 30_000;

const onEnd: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const end of onEnd.splice(0)) await end();
});

/** A server of ServingService with responses given as bytes. */
async function serve(
  answer: handleUnaryCall<Buffer, Buffer>,
  path = "/feast.serving.ServingService/GetOnlineFeatures",
) {
  const bytes = (value: Buffer) => value;
  const service: ServiceDefinition = {
    GetOnlineFeatures: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  };
  const server = new Server();
  server.addService(service, { GetOnlineFeatures: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onEnd.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function connect(address: string, options: Partial<FeastGrpcOptions> = {}): FeastGrpcClient {
  const client = new FeastGrpcClient({ address, server: "go", timeoutMs: ANSWER_MS_MAX, ...options });
  onEnd.push(() => client.close());
  return client;
}

interface Part {
  readonly name?: string;
  readonly values?: readonly Uint8Array[];
  readonly statuses?: readonly number[];
  readonly times?: readonly Uint8Array[];
}

/** A `GetOnlineFeaturesResponse` with one column. */
function response(part: Part = {}): Buffer {
  const {
    name = "mean",
    values = [encodeValue("DOUBLE", 1.5, "")],
    statuses = [1],
    times = [encodeTimestamp(AT_MS, "")],
  } = part;
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(name).join().join();
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const value of values) writer.tag(1, WireType.LengthDelimited).bytes(value);
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const number of statuses) writer.int32(number);
  writer.join();
  for (const time of times) writer.tag(3, WireType.LengthDelimited).bytes(time);
  writer.join();
  return Buffer.from(writer.finish());
}

test("reads a valid response, and requests new metadata for each call", async () => {
  const seen: unknown[] = [];
  const address = await serve((call, reply) => {
    seen.push(call.metadata.get("authorization")[0]);
    reply(null, response());
  });
  let token = 0;
  const client = connect(address, { metadata: async () => ({ authorization: `Bearer ${++token}` }) });
  const row = { values: [1.5], statuses: ["PRESENT"], eventTimestampsMs: [AT_MS] };
  expect(await client.getOnlineFeatures(REQUEST)).toEqual({ featureNames: ["mean"], rows: [row] });
  await client.getOnlineFeatures(REQUEST);
  expect(seen).toEqual(["Bearer 1", "Bearer 2"]);
});

test.each([
  [2, "NULL_VALUE"],
  [3, "NOT_FOUND"],
  [4, "OUTSIDE_MAX_AGE"],
])("maps the server's status %d to %s", async (number, expected) => {
  const client = connect(await serve((_call, reply) => reply(null, response({ statuses: [number] }))));
  expect((await client.getOnlineFeatures(REQUEST)).rows[0]?.statuses).toEqual([expected]);
});

test.each([
  ["that is not a message", Buffer.from("HTTP/1.1 200 OK"), undefined],
  ["that is truncated", response().subarray(0, -3), undefined],
  ["that is empty", Buffer.alloc(0), "mean"],
  ["without the feature", response({ name: "sum" }), "mean"],
  ["with an invalid value", response({ values: [Buffer.from([0x29, 1])] }), "mean"],
  ["with a value of a future type", response({ values: [Buffer.from([0xf8, 0x07, 1])] }), "mean"],
  ["with too few statuses", response({ statuses: [] }), "mean"],
  ["with the status INVALID", response({ statuses: [0] }), "mean"],
  ["with an unknown status", response({ statuses: [9] }), "mean"],
  ["with an invalid time", response({ times: [Buffer.from([0xff])] }), "mean"],
  ["with too many rows", response({ values: [Buffer.alloc(0), Buffer.alloc(0)], statuses: [1, 1], times: [] }), "mean"],
])("rejects a response %s, and names the faulty part", async (_name, bytes, field) => {
  const client = connect(await serve((_call, reply) => reply(null, bytes)));
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "malformed-response",
    ...(field === undefined ? {} : { field }),
  });
});

test.each([
  [status.UNAUTHENTICATED, "no token", "unauthorized", 1],
  [status.PERMISSION_DENIED, "not yours", "unauthorized", 1],
  [status.RESOURCE_EXHAUSTED, "too large", "overloaded", 1],
  [status.INVALID_ARGUMENT, "wrong", "invalid-request", 1],
  [status.UNKNOWN, "feature View nope doesn't exist, please make sure", "unknown-feature-view", 1],
  [status.UNKNOWN, "something", "server-error", 1],
  [status.UNAVAILABLE, "busy", "unavailable", 3],
])("maps the status %d (%s) to the error %s after %d tries", async (code, details, expected, tries) => {
  let count = 0;
  const client = connect(
    await serve((_call, reply) => {
      count += 1;
      reply({ code, details, metadata: new Metadata() });
    }),
  );
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({ code: expected });
  expect(count).toBe(tries);
});

test("a server that is briefly unavailable does not fail a read", async () => {
  let count = 0;
  const client = connect(
    await serve((_call, reply) => {
      count += 1;
      if (count < 3) reply({ code: status.UNAVAILABLE, details: "busy" });
      else reply(null, response());
    }),
  );
  expect(toRecords(await client.getOnlineFeatures(REQUEST))).toEqual([{ mean: 1.5 }]);
});

test("reports which service a different server implements", async () => {
  const client = connect(
    await serve((_call, reply) => reply(null, response()), "/GrpcFeatureServer/GetOnlineFeatures"),
  );
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "unsupported",
    field: "server",
    message: expect.stringContaining("set server to python"),
  });
});

test("abandons a silent server at the deadline or when the caller cancels", async () => {
  let arrived = () => {};
  const hasArrived = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const client = connect(await serve(() => arrived()), { timeoutMs: 60_000 });
  await expect(client.getOnlineFeatures(REQUEST, { timeoutMs: 150 })).rejects.toMatchObject({
    code: "deadline-exceeded",
  });
  const controller = new AbortController();
  const read = client.getOnlineFeatures(REQUEST, { signal: controller.signal });
  await hasArrived;
  controller.abort(new Error("gone"));
  await expect(read).rejects.toMatchObject({ code: "aborted", cause: { message: "gone" } });
});

test("reports a server that is unreachable or uses a different protocol", async () => {
  const [port] = await findFreePorts(1);
  await expect(connect(`127.0.0.1:${port}`).getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
  const other = await serveFaults((_request, reply) => reply.end("<html>"));
  onEnd.push(() => other.close());
  await expect(connect(`127.0.0.1:${other.port}`).getOnlineFeatures(REQUEST)).rejects.toBeInstanceOf(FeastError);
});
