import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { openStore } from "@tripline/object-store/open-store";
import { FileRegistry } from "./file/file-registry.js";
import type { MlflowServer } from "./mlflow/client.js";
import { MlflowClient } from "./mlflow/client.js";
import { MlflowRegistry } from "./mlflow/registry.js";
import { ModelCache } from "./model-cache.js";
import { sha256Hex } from "./model-manifest.js";
import type { RecordingRegistry } from "./model-registry.js";
import { StoreRegistry } from "./store/store-registry.js";

/** Settings of an MLflow registry other than its URL, under the names of MLflow's own clients. */
export interface RegistryEnvironment {
  readonly MLFLOW_TRACKING_TOKEN?: string | undefined;
  readonly MLFLOW_TRACKING_USERNAME?: string | undefined;
  readonly MLFLOW_TRACKING_PASSWORD?: string | undefined;
  /** Folder for downloaded models. Default: `~/.cache/tripline/models`. */
  readonly MODEL_CACHE_DIRECTORY?: string | undefined;
}

const KINDS =
  "use file:///absolute/path, mlflow+http://host:port, or s3://, gs:// or azblob:// with a bucket and a prefix";
/** The schemes of `openStore`. */
const STORES = ["s3:", "gs:", "azblob:"];
const AZURE_HOST = /\.blob\.core\.windows\.net$/;

/**
 * Opens the registry at a URL: `file:///path/to/registry`, `mlflow+http://host:port`, `mlflow+https://…`, or the URL of an
 * object store. Does no I/O yet.
 *
 * @param environment credentials of MLflow or of the store, and the cache folder; by default from this process
 * @throws TriplineError `config-invalid` for any other URL
 */
export function openRegistry(
  url: string,
  // biome-ignore lint/style/noProcessEnv: like MLflow's own clients, a registry reads credentials from the environment.
  environment: RegistryEnvironment = process.env,
): RecordingRegistry {
  if (!URL.canParse(url)) throw new TriplineError("config-invalid", `"${url}" is not a URL; ${KINDS}.`);
  const parsed = new URL(url);
  if (parsed.protocol === "mlflow+http:" || parsed.protocol === "mlflow+https:") {
    const server = mlflowServer(url.slice("mlflow+".length), environment);
    const cache = cacheOf(server.url, environment);
    return new MlflowRegistry(new MlflowClient(server), cache, (sentence) => process.emitWarning(sentence));
  }
  if (isStoreRegistry(url)) {
    const open = () => openStore(url, { ...environment });
    return new StoreRegistry(open, cacheOf(url, environment), (sentence) => process.emitWarning(sentence));
  }
  if (parsed.protocol !== "file:") {
    throw new TriplineError("config-invalid", `A registry at ${parsed.protocol}// is not supported; ${KINDS}.`);
  }
  try {
    return new FileRegistry(fileURLToPath(parsed));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `"${url}" is not the URL of a local directory: ${reason}.`, [], {
      cause: error,
    });
  }
}

/** Whether a registry's URL names an object store. */
export function isStoreRegistry(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return STORES.includes(protocol) || (protocol === "https:" && AZURE_HOST.test(hostname));
}

function cacheOf(url: string, environment: RegistryEnvironment): ModelCache {
  const folder = environment.MODEL_CACHE_DIRECTORY || join(homedir(), ".cache", "tripline", "models");
  return new ModelCache(join(folder, sha256Hex(Buffer.from(url)).slice(0, 12)));
}

/** In order of precedence: a token, a name and password, the URL's credentials. No message may show any of them. */
function mlflowServer(url: string, environment: RegistryEnvironment): MlflowServer {
  const parsed = new URL(url);
  const address = `${parsed.origin}${parsed.pathname.replace(/\/$/, "")}`;
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user } = environment;
  const name = user || decodeURIComponent(parsed.username);
  const password = user ? (environment.MLFLOW_TRACKING_PASSWORD ?? "") : decodeURIComponent(parsed.password);
  if (token) return { url: address, authorization: `Bearer ${token}` };
  if (name === "") return { url: address };
  return { url: address, authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}
