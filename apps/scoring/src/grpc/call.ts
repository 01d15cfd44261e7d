import type { handleBidiStreamingCall, handleUnaryCall, ServerDuplexStream, StatusObject } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Logger } from "@tripline/telemetry/logger";
import { logFailure } from "../log-failure.js";
import type { Received } from "./received.js";
import { messageOf } from "./received.js";

/** One call, as its method sees it. */
export interface Call {
  /** For instance `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Milliseconds since the epoch after which the caller does not wait; Infinity without a deadline. */
  readonly deadlineMs: number;
  /** True once the caller has gone. */
  isCancelled(): boolean;
}

/** Answers a request. @throws TriplineError which ends the call with its status */
export type Answer<Q, S> = (request: Q, call: Call) => S | Promise<S>;

/** Longest sentence that goes into a status, which travels as a header. */
const DETAILS_LENGTH_MAX = 1_000;
/** Messages of one stream that are answered at the same time; while there are this many, the stream is not read. */
const STREAM_OUTSTANDING_MAX = 256;

/** A method with one request and one answer. Errors become the status that the error table names. */
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

/** A method that answers each message as soon as its answer is ready, in any order. */
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

/** While a client does not read its answers, its messages are not read. */
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
    // The client has gone; answers to its messages are dropped.
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

/** Tripline's code travels in a trailer beside gRPC's status. */
function statusOf(thrown: unknown, path: string, logger: Logger): Partial<StatusObject> {
  const error: TriplineError = asTriplineError(thrown);
  logFailure(thrown, error, path, logger);
  const metadata = new Metadata();
  metadata.set(INFERENCE_METADATA.code, error.code);
  // The library encodes the sentence by encodeURI, which fails on half a surrogate pair.
  const details = shownDetail(error).slice(0, DETAILS_LENGTH_MAX).toWellFormed();
  return { code: error.row.grpcStatus, details, metadata };
}
