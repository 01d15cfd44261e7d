import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import { CODINGS, decompress, frameMessage, MessageReader } from "./read-messages.js";

/** One call, whatever its method. */
export interface GrpcCall {
  /** For instance `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
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

const RESPONSE_HEADERS: OutgoingHttpHeaders = {
  ":status": 200,
  "content-type": CONTENT_TYPE,
  "grpc-accept-encoding": CODINGS,
};
const OK_TRAILERS: OutgoingHttpHeaders = { "grpc-status": OK };
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false } as const;
const WITHOUT_BODY = { endStream: true, sendDate: false } as const;

/** Answers one call of a method. Nothing is thrown: what goes wrong is the call's status. */
export function answerCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, methods: GrpcMethods): void {
  // The client is gone; nobody is left to tell.
  stream.on("error", () => undefined);
  if (headers[":method"] !== "POST" || headers["content-type"]?.startsWith(CONTENT_TYPE) !== true) {
    stream.respond({ ":status": constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, WITHOUT_BODY);
    return;
  }
  const path = headers[":path"] ?? "";
  const method = methods.get(path);
  if (method === undefined) {
    const details = `The server does not implement the method ${path}`;
    stream.respond(
      { ...RESPONSE_HEADERS, "grpc-status": UNIMPLEMENTED, "grpc-message": encodeDetails(details) },
      WITHOUT_BODY,
    );
    return;
  }
  try {
    const isCancelled = (): boolean => stream.destroyed || stream.aborted;
    const call = { path, headers, deadlineMs: deadlineOf(headers["grpc-timeout"]), isCancelled };
    if (method.isStream) new StreamedCall(stream, method, call).begin();
    else answerUnary(stream, method, call);
  } catch (error) {
    fail(stream, error);
  }
}

function answerUnary(stream: ServerHttp2Stream, method: GrpcMethod, call: GrpcCall): void {
  const reader = new MessageReader();
  const messages: ReturnType<MessageReader["read"]> = [];
  stream.on("data", (piece: Buffer) => {
    try {
      for (const message of reader.read(piece)) messages.push(message);
    } catch (error) {
      fail(stream, error);
    }
  });
  stream.on("end", () => {
    const [message, ...more] = messages;
    if (message === undefined || more.length > 0 || reader.isInside) {
      fail(stream, new TriplineError("message-unreadable", "The call needs to have one whole message."));
      return;
    }
    answerMessage(message, method, call).then(
      (answer) => {
        if (!canAnswer(stream)) return;
        stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
        stream.on("wantTrailers", sendOk);
        stream.end(frameMessage(answer));
      },
      (error: unknown) => fail(stream, error),
    );
  });
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(OK_TRAILERS);
}

async function answerMessage(
  { isCompressed, bytes }: ReturnType<MessageReader["read"]>[number],
  method: GrpcMethod,
  call: GrpcCall,
): Promise<Uint8Array> {
  if (!isCompressed) return method.answer(bytes, call);
  const coding = call.headers["grpc-encoding"];
  return method.answer(await decompress(bytes, typeof coding === "string" ? coding : undefined), call);
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
    private readonly stream: ServerHttp2Stream,
    private readonly method: GrpcMethod,
    private readonly call: GrpcCall,
  ) {}

  begin(): void {
    const { stream } = this;
    stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
    stream.on("wantTrailers", sendOk);
    stream.on("data", (piece: Buffer) => {
      // What comes after a fault is of no use.
      if (this.isBroken) return;
      try {
        this.waiting.push(...this.reader.read(piece));
        this.goOn();
      } catch (error) {
        this.breakOff(error);
      }
    });
    stream.on("drain", () => {
      this.isBlocked = false;
      this.goOn();
    });
    stream.on("end", () => {
      this.isEnded = true;
      if (this.reader.isInside) this.breakOff(new TriplineError("message-unreadable", "The last message is cut off."));
      else this.goOn();
    });
  }

  private goOn(): void {
    while (this.waiting.length > 0 && this.outstanding < STREAM_OUTSTANDING_MAX && !this.isBlocked) {
      const message = this.waiting.shift();
      if (message !== undefined) this.answer(message);
    }
    if (this.waiting.length > 0) this.stream.pause();
    else this.stream.resume();
    if (this.isEnded && this.outstanding === 0 && this.waiting.length === 0) this.stream.end();
  }

  private answer(message: ReturnType<MessageReader["read"]>[number]): void {
    this.outstanding += 1;
    answerMessage(message, this.method, this.call).then(
      (answer) => {
        this.outstanding -= 1;
        if (this.isBroken || !this.stream.writable) return;
        this.isBlocked = !this.stream.write(frameMessage(answer));
        this.goOn();
      },
      (error: unknown) => this.breakOff(error),
    );
  }

  private breakOff(error: unknown): void {
    if (this.isBroken || !this.stream.writable) return;
    this.isBroken = true;
    this.waiting.length = 0;
    this.stream.resume();
    this.stream.off("wantTrailers", sendOk);
    this.stream.on("wantTrailers", () => this.stream.sendTrailers(statusOf(error)));
    this.stream.end();
  }
}

/** Ends a call that has not been answered. */
function fail(stream: ServerHttp2Stream, error: unknown): void {
  if (!canAnswer(stream)) return;
  stream.respond({ ...RESPONSE_HEADERS, ...statusOf(error) }, WITHOUT_BODY);
  // What else the client would send is of no use.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

function canAnswer(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.headersSent;
}

function statusOf(thrown: unknown): OutgoingHttpHeaders {
  const { code, message, row } = asTriplineError(thrown);
  return {
    "grpc-status": row.grpcStatus,
    "grpc-message": encodeDetails(message),
    [INFERENCE_METADATA.code]: code,
  };
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
function deadlineOf(timeout: string | string[] | undefined): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const [, value, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(timeout)) ?? [];
  const ms = MS_BY_UNIT[unit ?? ""];
  if (value === undefined || ms === undefined) {
    throw new TriplineError("invalid-header", `grpc-timeout is "${String(timeout).slice(0, 40)}", which is no time.`);
  }
  return Date.now() + Number(value) * ms;
}
