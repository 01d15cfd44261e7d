import type { CallPolicyOptions } from "../call-policy.js";
import { CallPolicy } from "../call-policy.js";
import { FeastError, messageOf } from "../feast-error.js";
import type { CallOptions, OnlineFeatureReader, OnlineFeatures, OnlineFeaturesRequest } from "../online-features.js";
import { expectedNames, readServerAnswer } from "../read-server-answer.js";
import { checkRequest, entityColumns } from "../registry/entity-columns.js";
import type { FeatureRegistry } from "../registry/feature-registry.js";
import { RegistryIndex } from "../registry/resolve-features.js";
import type { Endpoint } from "./post-json.js";
import { postJson, stringifyExactly } from "./post-json.js";
import type { PushRow } from "./push-columns.js";
import { pushColumns } from "./push-columns.js";
import { readHttpAnswer } from "./read-http-answer.js";
import { parseExactJson } from "./read-json-value.js";

/** The Go server omits the statuses unless requested; the Python server ignores the query. */
const READ_PATH = "/get-online-features?status=true";

export interface FeastHttpOptions extends CallPolicyOptions {
  /** URL of Feast's feature server, for example `http://localhost:6566`. */
  readonly url: string;
  /** If given, requests are checked before they are sent, and values get back the types that JSON loses. */
  readonly registry?: FeatureRegistry;
  /** Sent with every request, for example `{ authorization: "Bearer …" }`. Called for each request. */
  readonly headers?: Endpoint["headers"];
  /** A replacement for Node's fetch, for example a version that uses a proxy. */
  readonly fetch?: typeof fetch;
}

export interface PushRequest {
  readonly pushSource: string;
  /** At least one; all with the same columns: join keys, event timestamp, features. */
  readonly rows: readonly PushRow[];
  /** Default: `online`. */
  readonly to?: "online" | "offline" | "online_and_offline";
  /** Default: true; the server may look up the push source in its cache. */
  readonly allowRegistryCache?: boolean;
  /** Whether to compute on-demand views that are written to a store. Default: true. */
  readonly transformOnWrite?: boolean;
}

/**
 * Feast's feature server over HTTP; the Go server supports reads, but not `push`. All requests of the process share
 * persistent connections.
 */
export class FeastHttpClient implements OnlineFeatureReader {
  private readonly endpoint: Endpoint;
  private readonly policy: CallPolicy;
  private readonly index: RegistryIndex | undefined;

  /** @throws FeastError `invalid-request` if the URL is invalid */
  constructor(options: FeastHttpOptions) {
    if (!URL.canParse(options.url) || !/^https?:/.test(options.url)) {
      const message = `url must be an http or https URL such as http://localhost:6566, not ${options.url}.`;
      throw new FeastError("invalid-request", message, "url");
    }
    this.policy = new CallPolicy(options);
    this.index = options.registry === undefined ? undefined : new RegistryIndex(options.registry);
    this.endpoint = {
      url: options.url.replace(/\/+$/, ""),
      headers: options.headers ?? (() => ({})),
      fetch: options.fetch ?? fetch,
    };
  }

  async getOnlineFeatures(request: OnlineFeaturesRequest, options?: CallOptions): Promise<OnlineFeatures> {
    const call = this.policy.startCall(options);
    checkRequest(request);
    const resolved = this.index?.resolveWithServer(request);
    const columns = entityColumns(request, this.index, resolved);
    const bytes = columns.find(({ type }) => type === "BYTES");
    if (bytes !== undefined) {
      const message = `The join key ${bytes.name} is bytes, which JSON cannot represent; read over gRPC or from Redis.`;
      throw new FeastError("unsupported", message, bytes.name);
    }
    const names = expectedNames(request, resolved);
    const body = stringifyExactly({
      ...(request.featureService === undefined
        ? { features: request.features }
        : { feature_service: request.featureService }),
      entities: Object.fromEntries(columns.map(({ name, values }) => [name, values])),
      full_feature_names: request.fullFeatureNames ?? false,
    });
    const text = await this.policy.retry(call, () => postJson(this.endpoint, READ_PATH, body, call));
    return readServerAnswer(request, names, readHttpAnswer(parseAnswer(text), resolved));
  }

  /**
   * Pushes rows through a push source, with a single attempt: after `unavailable` or `deadline-exceeded`, the rows may
   * or may not have been written. Pushing the same rows again is harmless in the online store, but duplicates them in
   * the offline store.
   *
   * @throws FeastError
   */
  async push(request: PushRequest, options?: CallOptions): Promise<void> {
    const call = this.policy.startCall(options);
    const body = stringifyExactly({
      push_source_name: request.pushSource,
      df: pushColumns(request.rows),
      to: request.to ?? "online",
      allow_registry_cache: request.allowRegistryCache ?? true,
      transform_on_write: request.transformOnWrite ?? true,
    });
    await postJson(this.endpoint, "/push", body, call);
  }
}

function parseAnswer(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    const message = `The feature server's response is not a valid Feast response: the body is not JSON (${messageOf(error)}).`;
    throw new FeastError("malformed-response", message, "the body", { cause: error });
  }
}
