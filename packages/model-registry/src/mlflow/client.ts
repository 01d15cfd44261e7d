import { setTimeout as sleep } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

/** How to reach a tracking server. */
export interface MlflowServer {
  /** http:// or https://, without credentials. */
  readonly url: string;
  /** Value of the Authorization header; absent if the server requires none. */
  readonly authorization?: string;
}

/** Timeout of a call. */
const CALL_MS_MAX = 10_000;
/** Timeout for a model's file. */
const FILE_MS_MAX = 120_000;
const FILE_BYTES_MAX = 1_073_741_824;
const ATTEMPTS_MAX = 3;
/** Delay before the second attempt; doubled before the third. */
const RETRY_MS = 100;
const RETRIED_STATUSES: readonly number[] = [429, 500, 502, 503, 504];

const faultSchema = z.object({ error_code: z.string(), message: z.string() });

/** The server is unavailable, slow or failing; data that was read earlier may still be used. */
export class MlflowUnreachable extends TriplineError {}

/** The server rejected the request, with its own code. */
export class MlflowRefusal extends TriplineError {
  constructor(
    readonly errorCode: string,
    sentence: string,
  ) {
    super("internal", sentence);
  }
}

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: Uint8Array | string;
  readonly timeoutMs: number;
}

/**
 * MLflow's REST API, https://mlflow.org/docs/latest/rest-api.html, and its artifact proxy. All calls are idempotent, so
 * each call is retried if the server does not respond.
 *
 * Methods reject with `MlflowUnreachable`, `MlflowRefusal`, or `config-invalid` for rejected credentials.
 */
export class MlflowClient {
  constructor(private readonly server: MlflowServer) {}

  /** @param query parameters; undefined ones are omitted */
  async get<S extends z.ZodType>(
    schema: S,
    path: string,
    query: Readonly<Record<string, string | undefined>>,
  ): Promise<z.infer<S>> {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
    return this.#json(schema, { method: "GET", path: `${API}/${path}?${given}` });
  }

  async post<S extends z.ZodType>(schema: S, path: string, body: unknown): Promise<z.infer<S>> {
    return this.#json(schema, { method: "POST", path: `${API}/${path}`, body: JSON.stringify(body) });
  }

  async delete(path: string, body: unknown): Promise<void> {
    await this.#json(z.unknown(), { method: "DELETE", path: `${API}/${path}`, body: JSON.stringify(body) });
  }

  /** @param source the run's artifact location, `mlflow-artifacts:/…` */
  async upload(source: string, file: string, bytes: Uint8Array): Promise<void> {
    await this.#call({ method: "PUT", path: artifactPath(source, file), body: bytes, timeoutMs: FILE_MS_MAX });
  }

  /** Undefined if the file does not exist. */
  async download(source: string, file: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#call({ method: "GET", path: artifactPath(source, file), timeoutMs: FILE_MS_MAX });
    } catch (error) {
      if (error instanceof MlflowRefusal && error.errorCode === "RESOURCE_DOES_NOT_EXIST") return undefined;
      throw error;
    }
  }

  async #json<S extends z.ZodType>(schema: S, call: Omit<Call, "timeoutMs">): Promise<z.infer<S>> {
    const text = Buffer.from(await this.#call({ ...call, timeoutMs: CALL_MS_MAX })).toString("utf8");
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      const what = `MLflow at ${this.server.url} returned an unreadable response to ${pathOnly(call.path)}`;
      throw new TriplineError("internal", `${what}: is it an MLflow server of version 3 or later?`, [], {
        cause: error,
      });
    }
  }

  async #call(call: Call): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#callOnce(call);
      } catch (error) {
        if (!(error instanceof MlflowUnreachable) || attempt === ATTEMPTS_MAX) throw error;
        await sleep(RETRY_MS * attempt);
      }
    }
  }

  async #callOnce({ method, path, body, timeoutMs }: Call): Promise<Uint8Array> {
    const { url, authorization } = this.server;
    const signal = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let bytes: Uint8Array;
    try {
      response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(typeof body === "string" ? { "Content-Type": "application/json" } : {}),
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
        redirect: "error",
        signal,
      });
      bytes = await readBody(response);
    } catch (error) {
      if (error instanceof TriplineError) throw error;
      const reason = signal.aborted ? `no response within ${timeoutMs / 1000} s` : reasonOf(error);
      throw new MlflowUnreachable("internal", `MLflow at ${url} cannot be reached: ${reason}.`, [], { cause: error });
    }
    if (response.ok) return bytes;
    throw this.#fault(response.status, pathOnly(path), Buffer.from(bytes).toString("utf8"));
  }

  #fault(status: number, path: string, text: string): TriplineError {
    const { url } = this.server;
    if (status === 401 || status === 403) {
      const how = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD";
      return new TriplineError("config-invalid", `MLflow at ${url} rejects these credentials (${status}): ${how}.`);
    }
    if (RETRIED_STATUSES.includes(status)) {
      return new MlflowUnreachable("internal", `MLflow at ${url} cannot process ${path} (${status}).`);
    }
    const fault = faultSchema.safeParse(parsed(text));
    const code = fault.success ? fault.data.error_code : String(status);
    const message = fault.success ? fault.data.message.split("\n")[0] : "no reason given";
    return new MlflowRefusal(code, `MLflow at ${url} rejects ${path} (${code}): ${message}`);
  }
}

const API = "/api/2.0/mlflow";
const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";

/** @throws TriplineError `model-refused` for artifacts that the server does not serve itself */
function artifactPath(source: string, file: string): string {
  const parsed = URL.parse(source);
  if (parsed?.protocol !== "mlflow-artifacts:") {
    throw new TriplineError(
      "model-refused",
      `The model is stored at ${source}, outside the MLflow server, but only artifacts that it serves can be read ` +
        "(mlflow server --serve-artifacts).",
    );
  }
  return `${ARTIFACTS}${parsed.pathname.replace(/\/$/, "")}/${encodeURIComponent(file)}`;
}

async function readBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > FILE_BYTES_MAX) {
      throw new TriplineError("model-refused", `MLflow contains a file of more than ${FILE_BYTES_MAX} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const pathOnly = (path: string): string => path.split("?")[0] ?? path;

/** undici says only "fetch failed"; its cause contains the reason, possibly one per address. */
function reasonOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  if ("cause" in error && error.cause !== undefined) return reasonOf(error.cause);
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return reasonOf(error.errors[0]);
  return "message" in error ? String(error.message).trim() : String(error);
}
