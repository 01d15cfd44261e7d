import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import {
  encodeFrame,
  encodeHeaders,
  encodeNumbers,
  encodeSettings,
  FLAGS,
  FRAMES,
  PREFACE,
  SETTINGS,
} from "./frames.js";
import { ERRORS } from "./http2-error.js";
import { ServerConnection } from "./server-connection.js";
import type { ServerStream } from "./server-stream.js";

/** A peer that sends frames by hand, right and wrong ones. What a right peer gets is tested with gRPC's own clients. */

let server: Server;
let socket: Socket;
let connection: ServerConnection;
let received: Buffer;
let streams: ServerStream[];
let onStream: (stream: ServerStream) => void;

beforeEach(async () => {
  [received, streams] = [Buffer.alloc(0), []];
  onStream = () => undefined;
  server = createServer((accepted) => {
    connection = new ServerConnection(accepted, (stream) => {
      streams.push(stream);
      onStream(stream);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  await once(socket, "connect");
});

afterEach(async () => {
  socket.destroy();
  server.close();
  await once(server, "close");
});

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

function framesOf(bytes: Buffer): Seen[] {
  const frames: Seen[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const [type, flags] = [bytes[at + 3] ?? 0, bytes[at + 4] ?? 0];
    frames.push({ type, flags, stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

/** Waits for a frame that is as it should be. */
async function seen(isWanted: (frame: Seen) => boolean): Promise<Seen> {
  for (;;) {
    const frame = framesOf(received).find(isWanted);
    if (frame !== undefined) return frame;
    await once(socket, "data");
  }
}

const isOf =
  (type: number, stream = 0) =>
  (frame: Seen) =>
    frame.type === type && frame.stream === stream;
const dataOf = (stream: number): Buffer =>
  Buffer.concat(framesOf(received).flatMap((one) => (isOf(FRAMES.data, stream)(one) ? [one.payload] : [])));

const REQUEST = encodeHeaders([[":method", "POST"]]);
const begin = (stream: number, flags: number = FLAGS.endHeaders): Buffer =>
  encodeFrame(FRAMES.headers, flags, stream, REQUEST);
const NO_SETTINGS = encodeFrame(FRAMES.settings, 0, 0, Buffer.alloc(0));

function send(...frames: readonly Buffer[]): void {
  socket.write(Buffer.concat([PREFACE, NO_SETTINGS, ...frames]));
}

/** Everything is got through to the peer that was sent before. */
async function passed(): Promise<void> {
  socket.write(encodeFrame(FRAMES.ping, 0, 0, Buffer.from("12345678")));
  await seen((frame) => isOf(FRAMES.ping)(frame) && (frame.flags & FLAGS.ack) !== 0);
}

const headersWith = (flags: number, payload: Buffer): Buffer => encodeFrame(FRAMES.headers, flags, 1, payload);
const half = REQUEST.subarray(0, 4);

test.each<[string, () => Buffer, number]>([
  ["a frame that is too long", () => Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1), ERRORS.frameSize],
  ["data on no stream", () => encodeFrame(FRAMES.data, 0, 0, Buffer.alloc(1)), ERRORS.protocol],
  ["data on a stream that did not begin", () => encodeFrame(FRAMES.data, 0, 1, Buffer.alloc(1)), ERRORS.protocol],
  ["an even stream", () => begin(2), ERRORS.protocol],
  ["a push", () => encodeFrame(FRAMES.pushPromise, 0, 1, Buffer.alloc(4)), ERRORS.protocol],
  ["half a setting", () => encodeFrame(FRAMES.settings, 0, 0, Buffer.alloc(3)), ERRORS.frameSize],
  ["a frame size below the least", () => encodeFrame(4, 0, 0, encodeSettings([[SETTINGS.maxFrameSize, 1]])), 1],
  [
    "a window that is too large",
    () => encodeFrame(4, 0, 0, encodeSettings([[SETTINGS.initialWindowSize, 2 ** 31]])),
    3,
  ],
  ["a ping of 4 bytes", () => encodeFrame(FRAMES.ping, 0, 0, Buffer.alloc(4)), ERRORS.frameSize],
  ["a window of nothing", () => encodeFrame(FRAMES.windowUpdate, 0, 0, encodeNumbers(0)), ERRORS.protocol],
  ["a window that overflows", () => encodeFrame(FRAMES.windowUpdate, 0, 0, encodeNumbers(2 ** 31 - 1)), 3],
  ["a reset of a stream that did not begin", () => encodeFrame(FRAMES.rstStream, 0, 1, encodeNumbers(8)), 1],
  ["a header block that only goes on", () => encodeFrame(FRAMES.continuation, 4, 1, REQUEST), ERRORS.protocol],
  ["a header block broken off", () => Buffer.concat([headersWith(0, half), NO_SETTINGS]), ERRORS.protocol],
  ["a header block that is nonsense", () => headersWith(FLAGS.endHeaders, Buffer.of(0x80)), ERRORS.compression],
  ["nothing but padding", () => headersWith(FLAGS.endHeaders | FLAGS.padded, Buffer.of(9, 0)), ERRORS.protocol],
  [
    "data after the end",
    () => Buffer.concat([begin(1, 5), encodeFrame(0, 0, 1, Buffer.alloc(1))]),
    ERRORS.streamClosed,
  ],
  ["headers after the end", () => Buffer.concat([begin(1, 5), begin(1, 5)]), ERRORS.streamClosed],
  [
    "a header block without end",
    () => Buffer.concat([headersWith(0, half), ...Array.from({ length: 16 }, () => encodeFrame(9, 0, 1, half))]),
    ERRORS.enhanceYourCalm,
  ],
  [
    "requests broken off without end",
    () =>
      Buffer.concat(
        Array.from({ length: 4_097 }, (_, index) =>
          Buffer.concat([begin(index * 2 + 1), encodeFrame(FRAMES.rstStream, 0, index * 2 + 1, encodeNumbers(8))]),
        ),
      ),
    ERRORS.enhanceYourCalm,
  ],
])("%s ends the connection, with the reason", async (_case, make, code) => {
  const closed = once(socket, "close");
  send(make());
  const { payload } = await seen(isOf(FRAMES.goAway));
  expect(payload.readUInt32BE(4)).toBe(code);
  await closed;
  expect(streams.every((stream) => stream.isClosed)).toBe(true);
});

test("what does not begin as HTTP/2 is turned away", async () => {
  const closed = once(socket, "close");
  socket.write("GET / HTTP/1.1\r\n\r\n");
  expect((await seen(isOf(FRAMES.goAway))).payload.readUInt32BE(4)).toBe(ERRORS.protocol);
  await closed;
});

test("more data than a stream has room for ends the connection", async () => {
  onStream = (stream) => stream.pause();
  const piece = encodeFrame(FRAMES.data, 0, 1, Buffer.alloc(256 * 1_024));
  send(begin(1), piece, piece, piece, piece, encodeFrame(FRAMES.data, 0, 1, Buffer.alloc(1)));
  expect((await seen(isOf(FRAMES.goAway))).payload.readUInt32BE(4)).toBe(ERRORS.flowControl);
});

test("a stream gets room again as its data are taken, or when it goes on", async () => {
  const piece = encodeFrame(FRAMES.data, 0, 1, Buffer.alloc(256 * 1_024));
  send(begin(1), piece, piece);
  expect((await seen(isOf(FRAMES.windowUpdate, 1))).payload.readUInt32BE(0)).toBe(512 * 1_024);
  received = Buffer.alloc(0);
  streams[0]?.pause();
  socket.write(Buffer.concat([piece, piece, piece]));
  await passed();
  expect(framesOf(received).some(isOf(FRAMES.windowUpdate, 1))).toBe(false);
  streams[0]?.resume();
  expect((await seen(isOf(FRAMES.windowUpdate, 1))).payload.readUInt32BE(0)).toBe(3 * 256 * 1_024);
});

test("an answer waits for the peer to make room, on the stream and on the connection, and goes in frames of its size", async () => {
  const answer = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  let isDrained = false;
  onStream = (stream) => {
    stream.onDrain = () => {
      isDrained = true;
    };
    stream.respond(encodeHeaders([[":status", "200"]]));
    expect(stream.send(answer)).toBe(false);
  };
  const small = encodeFrame(FRAMES.settings, 0, 0, encodeSettings([[SETTINGS.initialWindowSize, 10]]));
  send(small, begin(1, FLAGS.endHeaders | FLAGS.endStream));
  await passed();
  expect(dataOf(1)).toHaveLength(10);
  socket.write(encodeFrame(FRAMES.windowUpdate, 0, 1, encodeNumbers(200_000)));
  await seen((frame) => isOf(FRAMES.data, 1)(frame) && dataOf(1).length === 65_535);
  expect(isDrained).toBe(false);
  expect(Math.max(...framesOf(received).map(({ payload }) => payload.length))).toBe(16_384);
  socket.write(encodeFrame(FRAMES.windowUpdate, 0, 0, encodeNumbers(200_000)));
  await seen((frame) => isOf(FRAMES.data, 1)(frame) && dataOf(1).length === answer.length);
  expect(dataOf(1).equals(answer)).toBe(true);
  expect(isDrained).toBe(true);
  streams[0]?.end(encodeHeaders([["grpc-status", "0"]]));
  await seen((frame) => isOf(FRAMES.headers, 1)(frame) && (frame.flags & FLAGS.endStream) !== 0);
});

test("an answer that the peer has no room for yet comes when it has", async () => {
  const [block, trailers] = [encodeHeaders([[":status", "200"]]), encodeHeaders([["grpc-status", "0"]])];
  onStream = (stream) => stream.answer(block, Buffer.from("0123456789ab"), trailers);
  const small = encodeFrame(FRAMES.settings, 0, 0, encodeSettings([[SETTINGS.initialWindowSize, 10]]));
  send(small, begin(1, FLAGS.endHeaders | FLAGS.endStream));
  await passed();
  expect(dataOf(1).toString()).toBe("0123456789");
  socket.write(encodeFrame(FRAMES.windowUpdate, 0, 1, encodeNumbers(12)));
  await seen((frame) => isOf(FRAMES.headers, 1)(frame) && frame.payload.equals(trailers));
  expect(dataOf(1).toString()).toBe("0123456789ab");
  expect(streams[0]?.isClosed).toBe(true);
});

test("padding, priorities, header blocks in parts, and frames of no matter are read", async () => {
  const data: Buffer[] = [];
  const ended = new Promise<void>((resolve) => {
    onStream = (stream) => {
      stream.onData = (piece) => data.push(piece);
      stream.onEnd = resolve;
    };
  });
  const priority = Buffer.alloc(5);
  const padded = Buffer.concat([Buffer.of(3), priority, half, Buffer.alloc(3)]);
  send(
    encodeFrame(FRAMES.priority, 0, 1, priority),
    encodeFrame(0xbe, 0, 1, Buffer.from("who knows")),
    headersWith(FLAGS.padded | FLAGS.priority, padded),
    encodeFrame(FRAMES.continuation, FLAGS.endHeaders, 1, REQUEST.subarray(4)),
    encodeFrame(
      FRAMES.data,
      FLAGS.padded | FLAGS.endStream,
      1,
      Buffer.concat([Buffer.of(2), Buffer.from("body"), Buffer.alloc(2)]),
    ),
  );
  await ended;
  expect(streams[0]?.headers).toEqual({ ":method": "POST" });
  expect(Buffer.concat(data).toString()).toBe("body");
});

test("a request that the peer breaks off is known to be", async () => {
  send(begin(1), begin(3), encodeFrame(FRAMES.rstStream, 0, 1, encodeNumbers(ERRORS.cancel)));
  await passed();
  expect(streams.map((stream) => stream.isClosed)).toEqual([true, false]);
});

test("an answer before the end of the request asks for no more of it", async () => {
  onStream = (stream) => stream.respondOnly(encodeHeaders([[":status", "415"]]));
  send(begin(1));
  expect((await seen(isOf(FRAMES.rstStream, 1))).payload.readUInt32BE(0)).toBe(ERRORS.none);
  socket.write(encodeFrame(FRAMES.data, FLAGS.endStream, 1, Buffer.alloc(10)));
  await passed();
});

test("ending in order takes what was under way when the peer heard of it, and nothing after", async () => {
  send(begin(1));
  await passed();
  connection.endInOrder();
  expect((await seen(isOf(FRAMES.goAway))).payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
  const farewell = await seen((frame) => isOf(FRAMES.ping)(frame) && (frame.flags & FLAGS.ack) === 0);
  // Begun before the peer had read the farewell.
  socket.write(Buffer.concat([begin(3), encodeFrame(FRAMES.ping, FLAGS.ack, 0, farewell.payload), begin(5)]));
  expect((await seen(isOf(FRAMES.rstStream, 5))).payload.readUInt32BE(0)).toBe(ERRORS.refusedStream);
  expect(framesOf(received).filter(isOf(FRAMES.goAway)).at(-1)?.payload.readUInt32BE(0)).toBe(3);
  const closed = once(socket, "close");
  for (const stream of streams) stream.respondOnly(encodeHeaders([[":status", "200"]]));
  await closed;
  expect(
    framesOf(received)
      .filter((frame) => frame.type === FRAMES.headers)
      .map(({ stream }) => stream),
  ).toEqual([1, 3]);
});

test("more requests than may be under way are refused, one by one", async () => {
  send(...Array.from({ length: 4_097 }, (_, index) => begin(index * 2 + 1)));
  const { stream, payload } = await seen((frame) => frame.type === FRAMES.rstStream);
  expect([stream, payload.readUInt32BE(0)]).toEqual([8_193, ERRORS.refusedStream]);
  expect(streams).toHaveLength(4_096);
});
