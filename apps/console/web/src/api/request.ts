import type { Problem } from "#contract/session";
import { text } from "../texts/en/app.js";

/** A request that was rejected or failed. */
export class RequestFailed extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "RequestFailed";
  }
}

/** Timeout of a request. */
const REQUEST_MS_MAX = 30_000;
/** Longer timeout, for exports and for requests that report their progress. */
const LINES_MS_MAX = 300_000;
const STATUS_NO_CONTENT = 204;
const STATUS_UNAUTHENTICATED = 401;

let csrfToken = "";
let onSessionEnded: () => void = () => undefined;

/** The session's CSRF token, which requests that change something need. */
export function keepCsrfToken(token: string): void {
  csrfToken = token;
}

export function whenSessionEnds(listener: () => void): void {
  onSessionEnded = listener;
}

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** A Blob is sent as bytes, anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly msMax?: number;
}

/**
 * Returns the response's body; undefined if it is empty.
 *
 * @throws RequestFailed with the backend's problem details, or with a generic text if there are none
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await sendAccepted(path, options);
  return (response.status === STATUS_NO_CONTENT ? undefined : await readJson(response)) as T;
}

/**
 * Returns a file's text.
 *
 * @throws RequestFailed as in `request`
 */
export async function requestText(path: string): Promise<string> {
  const headers = { accept: "text/csv, application/problem+json" };
  return (await sendAccepted(path, { headers, msMax: LINES_MS_MAX })).text();
}

/**
 * Sends a POST and yields the lines of the response as they arrive.
 *
 * @throws RequestFailed as in `request`
 */
export async function* requestLines<T>(path: string, { body, signal }: RequestOptions): AsyncGenerator<T> {
  const response = await sendAccepted(path, { method: "POST", body, signal, msMax: LINES_MS_MAX });
  if (response.body === null) throw new RequestFailed(await readProblem(response));
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const lines = (rest + read.value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as T;
  }
}

async function sendAccepted(path: string, options: RequestOptions): Promise<Response> {
  const response = await send(path, options);
  if (response.ok) return response;
  const problem = await readProblem(response);
  if (problem.status === STATUS_UNAUTHENTICATED) onSessionEnded();
  throw new RequestFailed(problem);
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = "GET", body, signal, headers, msMax = REQUEST_MS_MAX } = options;
  const type = body instanceof Blob ? "application/octet-stream" : "application/json";
  const timeout = AbortSignal.timeout(msMax);
  const isChange = method !== "GET";
  try {
    return await fetch(path, {
      method,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": type }),
        ...(isChange ? { "x-csrf-token": csrfToken } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      cache: "no-store",
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new RequestFailed(problemOf(0, "unreachable", text.problems.unreachable, text.problems.unreachableDetail));
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new RequestFailed(problemOf(response.status, "unreadable", text.problems.unreadable, ""));
  }
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback = problemOf(response.status, "unknown", text.problems.unknown(response.status), "");
  if (!(response.headers.get("content-type") ?? "").includes("json")) return fallback;
  try {
    const problem = (await response.json()) as Partial<Problem> & { errors?: readonly unknown[] };
    return { ...fallback, ...problem, status: response.status, errors: (problem.errors ?? []).map(readFault) };
  } catch {
    return fallback;
  }
}

function readFault(fault: unknown): { pointer: string; detail: string } {
  const { pointer = "", detail = "" } = Object(fault) as Partial<Record<string, string>>;
  return { pointer, detail };
}

function problemOf(status: number, code: string, title: string, detail: string): Problem {
  return { type: "about:blank", status, code, title, detail };
}

/** The problem to show, also for errors in our own code. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof RequestFailed) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return problemOf(0, "page", text.problems.page, detail);
}

/** Query string without undefined and empty values. */
export function queryString(parameters: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const written = query.toString();
  return written === "" ? "" : `?${written}`;
}
