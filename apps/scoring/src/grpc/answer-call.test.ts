import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";
import type { GrpcCall, GrpcMethod } from "./answer-call.js";
import type { RunningGrpc } from "./serve-grpc.js";
import { serveGrpc } from "./serve-grpc.js";

/** Calls by hand, for what no client of gRPC sends. */

let grpc: RunningGrpc;
let client: ClientHttp2Session;
let seen: GrpcCall[];

const echo: GrpcMethod["answer"] = (message, call) => {
  seen.push(call);
  if (message.toString() === "fail") throw new TriplineError("queue-full", "100 % of ä\nqueue");
  return message;
};

beforeEach(async () => {
  seen = [];
  const methods = new Map([
    ["/test/Unary", { isStream: false, answer: echo }],
    ["/test/Stream", { isStream: true, answer: echo }],
  ]);
  grpc = await serveGrpc("127.0.0.1", 0, methods, 500);
  client = connect(`http://${grpc.address}`);
});

afterEach(async () => {
  client.destroy();
  await grpc.stop();
});

interface Answer {
  readonly headers: IncomingHttpHeaders;
  /** Headers and trailers of the status. */
  readonly status: string | string[] | undefined;
  readonly details: string;
  readonly code: string | string[] | undefined;
  readonly body: Buffer;
}

async function call(pieces: readonly Buffer[], headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  const stream = client.request({
    ":method": "POST",
    ":path": "/test/Unary",
    "content-type": "application/grpc+proto",
    te: "trailers",
    ...headers,
  });
  let response: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (given) => {
    response = given;
  });
  stream.on("trailers", (given: IncomingHttpHeaders) => {
    trailers = given;
  });
  stream.on("error", () => undefined);
  const body: Buffer[] = [];
  stream.on("data", (piece: Buffer) => body.push(piece));
  const closed = new Promise((resolve) => stream.once("close", resolve));
  for (const piece of pieces) await new Promise((resolve) => stream.write(piece, resolve));
  stream.end();
  await closed;
  const all = { ...response, ...trailers };
  const details = decodeURIComponent(String(all["grpc-message"] ?? ""));
  return {
    ...{ headers: response, status: all["grpc-status"], details, code: all["tripline-code"] },
    body: Buffer.concat(body),
  };
}

function framed(message: string | Buffer, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, Buffer.from(message)]);
}

test("a message comes in whatever pieces, and goes back in one", async () => {
  const bytes = framed("hello");
  const answer = await call([...bytes].map((byte) => Buffer.of(byte)));
  expect(answer).toMatchObject({ status: "0", body: framed("hello") });
  expect(answer.headers).toMatchObject({ ":status": 200, "content-type": "application/grpc" });
});

test.each([1_000, 20_000, 70_000, 1_000_000])(
  "a message of %d bytes comes in small pieces, and goes back",
  async (size) => {
    const message = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
    const bytes = framed(message);
    const step = Math.ceil(bytes.length / 50);
    const pieces = Array.from({ length: 50 }, (_, index) => bytes.subarray(index * step, (index + 1) * step));
    const answer = await call(pieces);
    expect(answer.status).toBe("0");
    expect(answer.body.equals(bytes)).toBe(true);
  },
);

test("an empty message is one", async () => {
  expect(await call([framed("")])).toMatchObject({ status: "0", body: framed("") });
});

test.each<[string, Buffer[], OutgoingHttpHeaders, Partial<Answer>]>([
  ["no message", [], {}, { code: "message-unreadable" }],
  ["half a message", [framed("hello").subarray(0, 7)], {}, { code: "message-unreadable" }],
  ["two messages", [framed("one"), framed("two")], {}, { code: "message-unreadable" }],
  ["an unknown coding", [framed("x", 1)], { "grpc-encoding": "br" }, { code: "unsupported-media-type" }],
  ["a coding that is not said", [framed("x", 1)], {}, { code: "unsupported-media-type" }],
  ["no gzip", [framed("x", 1)], { "grpc-encoding": "gzip" }, { code: "message-unreadable" }],
  ["a timeout that is none", [framed("x")], { "grpc-timeout": "soon" }, { code: "invalid-header" }],
])("%s is the client's fault", async (_case, pieces, headers, expected) => {
  expect(await call(pieces, headers)).toMatchObject({ status: String(status.INVALID_ARGUMENT), ...expected });
  expect(await call([framed("next")])).toMatchObject({ status: "0" });
});

test("a message that is too long is refused by its length, before it is there", async () => {
  const answer = await call([framed("x", 0, 2 ** 31)]);
  expect(answer).toMatchObject({ status: String(status.RESOURCE_EXHAUSTED), code: "body-too-large" });
});

test("a message that gets too long when it is unpacked is refused", async () => {
  const bomb = gzipSync(Buffer.alloc(17 * 1_024 * 1_024));
  const answer = await call([framed(bomb, 1)], { "grpc-encoding": "gzip" });
  expect(answer).toMatchObject({ status: String(status.RESOURCE_EXHAUSTED), code: "body-too-large" });
});

test("a packed message is unpacked", async () => {
  const answer = await call([framed(gzipSync("hello"), 1)], { "grpc-encoding": "gzip" });
  expect(answer).toMatchObject({ status: "0", body: framed("hello") });
});

test("an error has its status, its code, and its sentence whatever is in it", async () => {
  const answer = await call([framed("fail")]);
  const expected = { code: "queue-full", details: "100 % of ä\nqueue", body: Buffer.alloc(0) };
  expect(answer).toMatchObject({ status: String(status.RESOURCE_EXHAUSTED), ...expected });
});

test("a method that is not there is not implemented", async () => {
  const answer = await call([framed("x")], { ":path": "/test/Other" });
  expect(answer).toMatchObject({
    status: String(status.UNIMPLEMENTED),
    details: expect.stringContaining("/test/Other"),
  });
});

test("what is no gRPC is not taken", async () => {
  const { headers } = await call([framed("x")], { "content-type": "application/json" });
  expect(headers[":status"]).toBe(415);
});

test.each([
  ["3S", 3_000],
  ["250m", 250],
  ["5000000u", 5_000],
  ["1H", 3_600_000],
])("a timeout of %s is a deadline", async (timeout, ms) => {
  const beforeMs = Date.now();
  await call([framed("x")], { "grpc-timeout": timeout });
  const [{ deadlineMs } = { deadlineMs: 0 }] = seen;
  expect(deadlineMs).toBeGreaterThanOrEqual(beforeMs + ms);
  expect(deadlineMs).toBeLessThanOrEqual(Date.now() + ms);
});

test("without a timeout there is no deadline", async () => {
  await call([framed("x")]);
  expect(seen[0]?.deadlineMs).toBe(Number.POSITIVE_INFINITY);
});

test("a stream answers each message, and ends with the status of what goes wrong", async () => {
  const good = await call([framed("one"), framed("two")], { ":path": "/test/Stream" });
  expect(good).toMatchObject({ status: "0", body: Buffer.concat([framed("one"), framed("two")]) });
  const cut = await call([framed("one"), framed("two").subarray(0, 6)], { ":path": "/test/Stream" });
  expect(cut).toMatchObject({ code: "message-unreadable", body: framed("one") });
  const bad = await call([framed("one"), framed("fail")], { ":path": "/test/Stream" });
  expect(bad).toMatchObject({ status: String(status.RESOURCE_EXHAUSTED), code: "queue-full", body: framed("one") });
});
