import type { handleBidiStreamingCall, handleUnaryCall, ServerDuplexStream, StatusObject } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Logger } from "@tripline/telemetry/logger";
import { logFailure } from "../log-failure.js";
import type { Received } from "./received.js";
import { messageOf } from "./received.js";

/** A call, as seen by the method that handles it. */
export interface Call {
  /** For example `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Deadline in milliseconds since the epoch; Infinity without one. */
  readonly deadlineMs: number;
  /** Whether the caller has cancelled the call or disconnected. */
  isCancelled(): boolean;
}

/** Handles a request. @throws TriplineError whose status ends the call */
export type Answer<Q, S> = (request: Q, call: Call) => S | Promise<S>;

/** Maximum length of a message in a status, which is sent as a header. */
const DETAILS_LENGTH_MAX = 1_000;
/** Maximum number of messages in progress on one stream. At this limit, the stream is paused. */
const STREAM_OUTSTANDING_MAX = 256;

/** A unary method. The error table determines the status of errors. */
export function unaryHandler<Q, S>(
  path: string,
  answer: Answer<Q, S>,
  logger: Logger,
): handleUnaryCall<Received<Q>, S> {
  return (call, done) => {
    answerOne(call.request, answer, callOf(path, call)).then(
      (response) => done(null, response),
      (error: unknown) => done(statusOf(error, path, logger)),
    );
  };
}

/** A streaming method that sends each response as soon as it is ready, in any order. */
export function streamHandler<Q, S>(
  path: string,
  answer: Answer<Q, S>,
  logger: Logger,
): handleBidiStreamingCall<Received<Q>, S> {
  return (stream) =>
    new AnsweredStream(
      stream,
      (received) => answerOne(received, answer, callOf(path, stream)),
      (error) => statusOf(error, path, logger),
    );
}

async function answerOne<Q, S>(received: Received<Q>, answer: Answer<Q, S>, call: Call): Promise<S> {
  return answer(messageOf(received, call.path), call);
}

interface LibraryCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
}

function callOf(path: string, call: LibraryCall): Call {
  return {
    path,
    metadata: call.metadata,
    deadlineMs: Number(call.getDeadline()),
    isCancelled: () => call.cancelled,
  };
}

/** Stops reading messages while the client does not read its responses. */
class AnsweredStream<Q, S> {
  #outstanding = 0;
  #isEnded = false;
  #isBroken = false;
  #isFull = false;

  constructor(
    private readonly stream: ServerDuplexStream<Received<Q>, S>,
    private readonly answer: (received: Received<Q>) => Promise<S>,
    private readonly toStatus: (error: unknown) => Partial<StatusObject>,
  ) {
    stream.on("data", (received: Received<Q>) => this.#take(received));
    stream.on("drain", () => {
      this.#isFull = false;
      this.#goOn();
    });
    stream.on("end", () => {
      this.#isEnded = true;
      this.#goOn();
    });
    // The client has disconnected, so its responses are dropped.
    stream.on("cancelled", () => {
      this.#isBroken = true;
    });
    stream.on("error", () => {
      this.#isBroken = true;
    });
  }

  #take(received: Received<Q>): void {
    if (this.#isBroken) return;
    this.#outstanding += 1;
    this.#goOn();
    this.answer(received).then(
      (answer) => {
        this.#outstanding -= 1;
        if (this.#isBroken) return;
        this.#isFull = !this.stream.write(answer);
        this.#goOn();
      },
      (error: unknown) => {
        if (this.#isBroken) return;
        this.stream.emit("error", this.toStatus(error));
      },
    );
  }

  #goOn(): void {
    if (this.#isBroken) return;
    if (this.#isFull || this.#outstanding >= STREAM_OUTSTANDING_MAX) this.stream.pause();
    else this.stream.resume();
    if (this.#isEnded && this.#outstanding === 0) this.stream.end();
  }
}

/** A trailer contains Tripline's error code, in addition to gRPC's status. */
function statusOf(thrown: unknown, path: string, logger: Logger): Partial<StatusObject> {
  const error: TriplineError = asTriplineError(thrown);
  logFailure(thrown, error, path, logger);
  const metadata = new Metadata();
  metadata.set(INFERENCE_METADATA.code, error.code);
  // The library passes the message to encodeURI, which fails on an unpaired surrogate.
  const details = shownDetail(error).slice(0, DETAILS_LENGTH_MAX).toWellFormed();
  return { code: error.row.grpcStatus, details, metadata };
}
