import { status } from "@grpc/grpc-js";
import { z } from "zod";
import type { NoAnswer } from "./scoring-client.js";
import { noAnswer } from "./scoring-client.js";

/** SageMaker and Azure ML answer with this status if the container answered with an error. */
const MODEL_ERROR = 424;
const DETAIL_CHARS_MAX = 200;

const STATUSES: ReadonlyMap<number, status> = new Map([
  [400, status.INVALID_ARGUMENT],
  [401, status.UNAUTHENTICATED],
  [403, status.PERMISSION_DENIED],
  [404, status.NOT_FOUND],
  [405, status.UNIMPLEMENTED],
  [413, status.OUT_OF_RANGE],
  [415, status.INVALID_ARGUMENT],
  [422, status.INVALID_ARGUMENT],
  [429, status.RESOURCE_EXHAUSTED],
]);

/** https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors */
const modelError = z.object({ OriginalStatusCode: z.number() });

/** Converts an HTTP error to the reason why there is no answer. */
export function noAnswerFrom(httpStatus: number, headers: Headers, text: string): NoAnswer {
  return noAnswer(statusOf(httpStatus, headers, text), `HTTP ${httpStatus}: ${text.slice(0, DETAIL_CHARS_MAX)}`);
}

function statusOf(httpStatus: number, headers: Headers, text: string): status {
  // AWS throttles with status 400 and names the error in a header.
  if (headers.get("x-amzn-errortype")?.startsWith("Throttling") === true) return status.RESOURCE_EXHAUSTED;
  const original = httpStatus === MODEL_ERROR ? originalStatus(headers, text) : httpStatus;
  return STATUSES.get(original) ?? status.UNAVAILABLE;
}

/** The status of the container, which Azure ML puts into a header and SageMaker into the body. */
function originalStatus(headers: Headers, text: string): number {
  const header = Number(headers.get("ms-azureml-model-error-statuscode") ?? Number.NaN);
  if (Number.isInteger(header)) return header;
  try {
    return modelError.parse(JSON.parse(text)).OriginalStatusCode;
  } catch {
    return MODEL_ERROR;
  }
}
