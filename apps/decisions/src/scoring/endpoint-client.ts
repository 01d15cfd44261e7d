import { types } from "node:util";
import { status } from "@grpc/grpc-js";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { SignEndpointRequest } from "@tripline/settings/endpoint-connection";
import { readInferJson, unreadable, writeInferJson } from "./endpoint-messages.js";
import { noAnswerFrom } from "./endpoint-status.js";
import type { Answer, NoAnswer, ScoringClient } from "./scoring-client.js";
import { noAnswer, requestWithin } from "./scoring-client.js";

/** Maximum size of a response in bytes. The largest one has a contribution per feature of 200 payments. */
const ANSWER_BYTES_MAX = 4 * 1_024 * 1_024;
const VERSIONS_MAX = 64;

export interface EndpointOptions {
  readonly url: URL;
  readonly sign: SignEndpointRequest;
  /**
   * Maximum number of concurrent requests, at least 2. Further requests wait until their deadline. Candidates and
   * explanations use at most half of them and leave the rest to the champion.
   */
  readonly callsMax: number;
}

/**
 * The JSON of the Open Inference Protocol at one URL: a managed endpoint of SageMaker, Vertex AI or Azure ML. Requests
 * are idempotent, so they are retried while there is time, as over gRPC.
 */
export class EndpointClient implements ScoringClient {
  readonly #closing = new AbortController();
  /** The properties of each version that has answered. Oldest first. */
  readonly #properties = new Map<string, Readonly<Record<string, string>>>();
  readonly #calls = { champion: 0, others: 0 };

  constructor(private readonly options: EndpointOptions) {}

  infer(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>> {
    return requestWithin(deadlineMs, this.#closing.signal, () => this.#attempt(request, headers, deadlineMs));
  }

  /** Returns the properties from the version's responses, because an endpoint offers only inference. */
  async modelMetadata(name: string, version: string): Promise<Answer<ModelMetadataResponse>> {
    const properties = this.#properties.get(version);
    if (properties === undefined) return noAnswer(status.NOT_FOUND, `version ${version} has not responded yet`);
    return {
      value: { name, versions: [version], platform: "", inputs: [], outputs: [], properties: { ...properties } },
    };
  }

  close(): void {
    this.#closing.abort();
  }

  async #attempt(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>> {
    const who = request.modelVersion === "" ? "champion" : "others";
    if (this.#isFull(who)) return BUSY;
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return LATE;
    this.#calls[who] += 1;
    try {
      // Limits the whole attempt, including the wait for a token.
      const signal = AbortSignal.any([AbortSignal.timeout(Math.ceil(leftMs)), this.#closing.signal]);
      return await untilAborted(this.#send(request, headers, leftMs, signal), signal);
    } finally {
      this.#calls[who] -= 1;
    }
  }

  #isFull(who: "champion" | "others"): boolean {
    const { champion, others } = this.#calls;
    const { callsMax } = this.options;
    return champion + others >= callsMax || (who === "others" && others >= Math.floor(callsMax / 2));
  }

  async #send(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    leftMs: number,
    signal: AbortSignal,
  ): Promise<Answer<ModelInferResponse>> {
    const { url, sign } = this.options;
    const body = writeInferJson(request, leftMs);
    let signed: Readonly<Record<string, string>>;
    try {
      signed = await sign(body);
    } catch (thrown) {
      return noAnswer(status.UNAUTHENTICATED, messageOf(thrown));
    }
    let response: Response;
    let text: string | undefined;
    try {
      const sent = { ...headers, ...signed, "content-type": "application/json", accept: "application/json" };
      response = await fetch(url, { method: "POST", headers: sent, body, signal, redirect: "error" });
      text = await readText(response);
    } catch (thrown) {
      return signal.aborted ? LATE : noAnswer(status.UNAVAILABLE, messageOf(thrown));
    }
    if (text === undefined) return unreadable(`with more than ${ANSWER_BYTES_MAX} bytes`);
    if (!response.ok) return noAnswerFrom(response.status, response.headers, text);
    return this.#read(text, request);
  }

  #read(text: string, { modelName }: ModelInferRequest): Answer<ModelInferResponse> {
    const answer = readInferJson(text, modelName);
    if ("failure" in answer) return answer;
    const { response, properties } = answer;
    this.#properties.delete(response.modelVersion);
    const oldest = this.#properties.keys().next();
    if (this.#properties.size >= VERSIONS_MAX && oldest.done !== true) this.#properties.delete(oldest.value);
    this.#properties.set(response.modelVersion, properties);
    return { value: response };
  }
}

const BUSY: NoAnswer = {
  ...noAnswer(status.RESOURCE_EXHAUSTED, "too many requests are in progress"),
  failure: "busy",
};
const LATE: NoAnswer = noAnswer(status.DEADLINE_EXCEEDED, "no response within the deadline");

function untilAborted<T>(coming: Promise<Answer<T>>, signal: AbortSignal): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => resolve(LATE), { once: true });
    coming.then(resolve, reject);
  });
}

/** The body of a response; undefined if it is too long, in which case the rest is not read. */
async function readText({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `fetch` reports only that it failed; the reason is in its cause. */
function messageOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return String(thrown);
  return types.isNativeError(thrown.cause) ? thrown.cause.message : thrown.message;
}
