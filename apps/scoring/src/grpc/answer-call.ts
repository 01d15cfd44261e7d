import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Headers } from "../http2/decode-headers.js";
import { encodeHeaders } from "../http2/frames.js";
import type { ServerStream } from "../http2/server-stream.js";
import { CODINGS, decompress, frameMessage, MessageReader } from "./read-messages.js";

/** One call, whatever its method. */
export interface GrpcCall {
  /** For instance `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  readonly headers: Headers;
  /** Milliseconds since the epoch after which the caller does not wait; Infinity when there is no such time. */
  readonly deadlineMs: number;
  /** True once the caller has gone. */
  isCancelled(): boolean;
}

export interface GrpcMethod {
  /**
   * Each message of a call is answered as soon as its answer is there, in whatever order; otherwise a call is one message
   * and its answer.
   */
  readonly isStream: boolean;
  /** @throws TriplineError what ends the call with an error */
  answer(message: Buffer, call: GrpcCall): Uint8Array | Promise<Uint8Array>;
}

/** By path. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

/** Numbers of gRPC's statuses that are not those of an error of ours. */
const [OK, UNIMPLEMENTED] = [0, 12];
const CONTENT_TYPE = "application/grpc";
/** Longest sentence that goes into a status, which travels as a header. */
const DETAILS_LENGTH_MAX = 1_000;
/** Messages of one stream that are answered at the same time; the stream is not read on while there are as many. */
const STREAM_OUTSTANDING_MAX = 256;

const HEADERS = [
  [":status", "200"],
  ["content-type", CONTENT_TYPE],
  ["grpc-accept-encoding", CODINGS],
] as const;
/** Encoded once, for most answers have the same. */
const RESPONSE_BLOCK = encodeHeaders(HEADERS);
const OK_BLOCK = encodeHeaders([["grpc-status", String(OK)]]);
const NO_GRPC_BLOCK = encodeHeaders([[":status", "415"]]);

/** Answers one call of a method. Nothing is thrown: what goes wrong is the call's status. */
export function answerCall(stream: ServerStream, methods: GrpcMethods): void {
  const { headers } = stream;
  if (headers[":method"] !== "POST" || headers["content-type"]?.startsWith(CONTENT_TYPE) !== true) {
    stream.respondOnly(NO_GRPC_BLOCK);
    return;
  }
  const path = headers[":path"] ?? "";
  const method = methods.get(path);
  if (method === undefined) {
    const details = encodeDetails(`The server does not implement the method ${path}`);
    stream.respondOnly(encodeHeaders([...HEADERS, ["grpc-status", String(UNIMPLEMENTED)], ["grpc-message", details]]));
    return;
  }
  try {
    const deadlineMs = deadlineOf(headers["grpc-timeout"]);
    const call = { path, headers, deadlineMs, isCancelled: () => stream.isClosed };
    if (method.isStream) new StreamedCall(stream, method, call).begin();
    else answerUnary(stream, method, call);
  } catch (error) {
    fail(stream, error);
  }
}

function answerUnary(stream: ServerStream, method: GrpcMethod, call: GrpcCall): void {
  const reader = new MessageReader();
  let messages: ReturnType<MessageReader["read"]> = [];
  stream.onData = (piece) => {
    try {
      const more = reader.read(piece);
      messages = messages.length === 0 ? more : [...messages, ...more];
    } catch (error) {
      fail(stream, error);
    }
  };
  stream.onEnd = () => {
    const [message, ...more] = messages;
    if (message === undefined || more.length > 0 || reader.isInside) {
      fail(stream, new TriplineError("message-unreadable", "The call needs to have one whole message."));
      return;
    }
    answerMessage(message, method, call).then(
      (answer) => {
        if (!stream.isClosed) stream.answer(RESPONSE_BLOCK, frameMessage(answer), OK_BLOCK);
      },
      (error: unknown) => fail(stream, error),
    );
  };
}

async function answerMessage(
  { isCompressed, bytes }: ReturnType<MessageReader["read"]>[number],
  method: GrpcMethod,
  call: GrpcCall,
): Promise<Uint8Array> {
  if (!isCompressed) return method.answer(bytes, call);
  const coding = call.headers["grpc-encoding"];
  return method.answer(await decompress(bytes, coding), call);
}

/** A call of many messages. A client that does not read its answers gets no more of its messages read. */
class StreamedCall {
  private readonly reader = new MessageReader();
  private readonly waiting: ReturnType<MessageReader["read"]> = [];
  private outstanding = 0;
  private isEnded = false;
  private isBlocked = false;
  private isBroken = false;

  constructor(
    private readonly stream: ServerStream,
    private readonly method: GrpcMethod,
    private readonly call: GrpcCall,
  ) {}

  begin(): void {
    const { stream } = this;
    stream.respond(RESPONSE_BLOCK);
    stream.onData = (piece) => {
      // What comes after a fault is of no use.
      if (this.isBroken) return;
      try {
        this.waiting.push(...this.reader.read(piece));
        this.goOn();
      } catch (error) {
        this.breakOff(error);
      }
    };
    stream.onDrain = () => {
      this.isBlocked = false;
      this.goOn();
    };
    stream.onEnd = () => {
      this.isEnded = true;
      if (this.reader.isInside) this.breakOff(new TriplineError("message-unreadable", "The last message is cut off."));
      else this.goOn();
    };
  }

  private goOn(): void {
    while (this.waiting.length > 0 && this.outstanding < STREAM_OUTSTANDING_MAX && !this.isBlocked) {
      const message = this.waiting.shift();
      if (message !== undefined) this.answer(message);
    }
    if (this.waiting.length > 0) this.stream.pause();
    else this.stream.resume();
    if (this.isEnded && this.outstanding === 0 && this.waiting.length === 0) this.stream.end(OK_BLOCK);
  }

  private answer(message: ReturnType<MessageReader["read"]>[number]): void {
    this.outstanding += 1;
    answerMessage(message, this.method, this.call).then(
      (answer) => {
        this.outstanding -= 1;
        if (this.isBroken || this.stream.isClosed) return;
        this.isBlocked = !this.stream.send(frameMessage(answer));
        this.goOn();
      },
      (error: unknown) => this.breakOff(error),
    );
  }

  private breakOff(error: unknown): void {
    if (this.isBroken || this.stream.isClosed) return;
    this.isBroken = true;
    this.waiting.length = 0;
    this.stream.end(encodeHeaders(statusOf(error)));
  }
}

/** Ends a call that has not been answered. */
function fail(stream: ServerStream, error: unknown): void {
  if (stream.isClosed || stream.hasAnswered) return;
  stream.respondOnly(encodeHeaders([...HEADERS, ...statusOf(error)]));
}

function statusOf(thrown: unknown): [name: string, value: string][] {
  const { code, message, row } = asTriplineError(thrown);
  return [
    ["grpc-status", String(row.grpcStatus)],
    ["grpc-message", encodeDetails(message)],
    [INFERENCE_METADATA.code, code],
  ];
}

/** Everything but printable ASCII, and the percent sign, as bytes in hexadecimal. */
function encodeDetails(details: string): string {
  return details
    .slice(0, DETAILS_LENGTH_MAX)
    .toWellFormed()
    .replace(/[^ -$&-~]+/gu, (part) =>
      Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
    );
}

const MS_BY_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** @throws TriplineError `invalid-header` */
function deadlineOf(timeout: string | undefined): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const [, value, unit] = /^(\d{1,8})([HMSmun])$/.exec(timeout) ?? [];
  const ms = MS_BY_UNIT[unit ?? ""];
  if (value === undefined || ms === undefined) {
    throw new TriplineError("invalid-header", `grpc-timeout is "${timeout.slice(0, 40)}", which is no time.`);
  }
  return Date.now() + Number(value) * ms;
}
