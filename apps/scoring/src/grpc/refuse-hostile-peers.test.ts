import { once } from "node:events";
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import type { TestScoring } from "../testing/service.js";
import { METHODS, rawRequest, startTestScoring } from "../testing/service.js";

/* Peers that send what no gRPC client sends. Each gets at most an error, and all other clients are still served. */

let scoring: TestScoring;
let [host, port] = ["", 0];

beforeAll(async () => {
  scoring = await startTestScoring();
  [host, port] = [scoring.service.grpcAddress.split(":")[0] ?? "", Number(scoring.service.grpcAddress.split(":")[1])];
});

afterAll(() => scoring.close());

async function isServing(): Promise<boolean> {
  return (await scoring.client.call(METHODS.serverReady, {})).ready;
}

describe("handcrafted frames", () => {
  const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const [DATA, HEADERS, RESET, SETTINGS, PUSH, PING, WINDOW, CONTINUATION] = [0, 1, 3, 4, 5, 6, 8, 9];
  const [END_HEADERS, PADDED] = [4, 8];

  /** A frame according to RFC 9113, section 4.1. */
  function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  }

  /** Header fields as literals without indexing or Huffman coding, according to RFC 7541, section 6.2.2. */
  function block(fields: Readonly<Record<string, string>>): Buffer {
    const words = Object.entries(fields).flatMap(([name, value]) => [
      Buffer.from([0, name.length, ...Buffer.from(name)]),
      Buffer.from([value.length, ...Buffer.from(value)]),
    ]);
    return Buffer.concat(words);
  }

  const REQUEST = block({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const begin = (stream: number, flags = END_HEADERS): Buffer => frame(HEADERS, flags, stream, REQUEST);
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), number(value)]);

  async function open(): Promise<Socket> {
    const socket = connect(port, host);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.resume();
    return socket;
  }

  test.each<[string, () => Buffer]>([
    ["a frame that is too long", () => Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)],
    ["data on stream 0", () => frame(DATA, 0, 0, Buffer.alloc(1))],
    ["headers on stream 0", () => frame(HEADERS, END_HEADERS, 0, REQUEST)],
    ["data on a stream that is not open", () => frame(DATA, 0, 1, Buffer.alloc(1))],
    ["an even stream ID", () => begin(2)],
    ["a push promise", () => frame(PUSH, 0, 1, Buffer.alloc(4))],
    ["half of a setting", () => frame(SETTINGS, 0, 0, Buffer.alloc(3))],
    ["a frame size below the minimum", () => frame(SETTINGS, 0, 0, setting(5, 1))],
    ["a window that is too large", () => frame(SETTINGS, 0, 0, setting(4, 2 ** 31))],
    ["a ping of 4 bytes", () => frame(PING, 0, 0, Buffer.alloc(4))],
    ["a window that overflows", () => frame(WINDOW, 0, 0, number(2 ** 31 - 1))],
    ["a continuation without a header block", () => frame(CONTINUATION, END_HEADERS, 1, REQUEST)],
    [
      "a truncated header block",
      () => Buffer.concat([frame(HEADERS, 0, 1, REQUEST.subarray(0, 4)), frame(SETTINGS, 0, 0, Buffer.alloc(0))]),
    ],
    ["an invalid header block", () => frame(HEADERS, END_HEADERS, 1, Buffer.of(0x80))],
    ["only padding", () => frame(HEADERS, END_HEADERS | PADDED, 1, Buffer.of(9, 0))],
    ["an endless header block", () => Buffer.concat([frame(HEADERS, 0, 1, REQUEST), ...continuations(200)])],
    ["an endless series of reset requests", () => Buffer.concat(Array.from({ length: 20_000 }, (_, at) => broken(at)))],
    ["text that is not HTTP/2", () => Buffer.from("x".repeat(64))],
  ])("%s ends the connection, and other clients are served", async (_case, make) => {
    const socket = await open();
    const closed = once(socket, "close");
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0)), make()]));
    await closed;
    expect(await isServing()).toBe(true);
  });

  function continuations(count: number): Buffer[] {
    return Array.from({ length: count }, () => frame(CONTINUATION, 0, 1, block({ filler: "x".repeat(100) })));
  }

  function broken(at: number): Buffer {
    const stream = 2 * at + 1;
    return Buffer.concat([begin(stream), frame(RESET, 0, stream, number(8))]);
  }

  test("rejects a connection that does not begin as HTTP/2", async () => {
    const socket = await open();
    const closed = once(socket, "close");
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await closed;
    expect(await isServing()).toBe(true);
  });
});

describe("handcrafted messages", () => {
  let client: ClientHttp2Session;

  beforeEach(() => {
    client = connectHttp2(`http://${host}:${port}`);
  });

  afterEach(() => client.destroy());

  async function call(body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<IncomingHttpHeaders> {
    const stream = client.request({
      ":method": "POST",
      ":path": METHODS.modelInfer.path,
      "content-type": "application/grpc+proto",
      te: "trailers",
      ...headers,
    });
    const all: IncomingHttpHeaders = {};
    stream.on("response", (given) => Object.assign(all, given));
    stream.on("trailers", (given: IncomingHttpHeaders) => Object.assign(all, given));
    stream.on("error", () => undefined);
    stream.resume();
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.end(body);
    await closed;
    return all;
  }

  function framed(message: Buffer, flag = 0, length = message.length): Buffer {
    const prefix = Buffer.alloc(5);
    prefix[0] = flag;
    prefix.writeUInt32BE(length, 1);
    return Buffer.concat([prefix, message]);
  }

  const REQUEST = METHODS.modelInfer.requestSerialize(rawRequest([[1, 2, 3, 4]]));

  test.each<[string, () => Buffer, OutgoingHttpHeaders, status]>([
    [
      "a message that is too long by its declared length",
      () => framed(Buffer.alloc(1), 0, 2 ** 31),
      {},
      status.RESOURCE_EXHAUSTED,
    ],
    [
      "a message that is too long after decompression",
      () => framed(gzipSync(Buffer.alloc(17 * 1_024 * 1_024)), 1),
      { "grpc-encoding": "gzip" },
      status.RESOURCE_EXHAUSTED,
    ],
    ["no message", () => Buffer.alloc(0), {}, status.UNIMPLEMENTED],
    ["half of a message", () => framed(REQUEST).subarray(0, 20), {}, status.UNIMPLEMENTED],
    ["two messages", () => Buffer.concat([framed(REQUEST), framed(REQUEST)]), {}, status.UNIMPLEMENTED],
    ["an unknown encoding", () => framed(REQUEST, 1), { "grpc-encoding": "br" }, status.UNIMPLEMENTED],
    ["invalid gzip", () => framed(REQUEST, 1), { "grpc-encoding": "gzip" }, status.INTERNAL],
    ["a malformed timeout", () => framed(REQUEST), { "grpc-timeout": "soon" }, status.INTERNAL],
    ["an unknown method", () => framed(REQUEST), { ":path": "/test/Other" }, status.UNIMPLEMENTED],
    ["bytes that are not a request", () => framed(Buffer.of(0xff, 0xff, 0xff, 1)), {}, status.INVALID_ARGUMENT],
  ])("%s gets its status code, and the connection stays open", async (_case, make, headers, expected) => {
    expect((await call(make(), headers))["grpc-status"]).toBe(String(expected));
    expect((await call(framed(REQUEST)))["grpc-status"]).toBe("0");
  });

  test("decompresses a compressed message", async () => {
    expect((await call(framed(gzipSync(REQUEST), 1), { "grpc-encoding": "gzip" }))["grpc-status"]).toBe("0");
  });

  test("answers a request that is not gRPC with status 415", async () => {
    expect((await call(framed(REQUEST), { "content-type": "application/json" }))[":status"]).toBe(415);
  });
});
