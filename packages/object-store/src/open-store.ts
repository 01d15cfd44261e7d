import { fileURLToPath } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { FolderDriver } from "./drivers/folder-driver.js";
import type { StoreLimits } from "./object-store.js";
import { ObjectStore } from "./object-store.js";
import type { StoreDriver } from "./store-driver.js";
import type { StoreVariables } from "./store-variables.js";
import { storeVariablesSchema } from "./store-variables.js";

const KINDS = "use file:///absolute/path, s3://bucket/prefix, gs://bucket/prefix or azblob://container/prefix";

/** Whether the text is a store URL rather than a folder's path. */
export function isStoreUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(text);
}

/**
 * Opens the store at a URL: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or
 * `azblob://container/prefix`. Loads only that cloud's library, and performs no I/O yet.
 *
 * @param environment source of the identity; by default the environment of this process
 * @throws TriplineError `config-invalid` for any other URL or a missing variable
 */
export async function openStore(
  url: string,
  // biome-ignore lint/style/noProcessEnv: like the clouds' libraries, a store reads its identity from the environment.
  environment: Readonly<Record<string, string | undefined>> = process.env,
  limits?: StoreLimits,
): Promise<ObjectStore> {
  if (!URL.canParse(url)) throw new TriplineError("config-invalid", `"${url}" is not a valid store URL; ${KINDS}.`);
  const plain = url.replace(/\/+$/, "");
  return new ObjectStore(plain, await openDriver(new URL(url), storeVariablesSchema.parse(environment)), limits);
}

/** Azure's own container URL includes the account, so no other setting is needed. */
const AZURE_ADDRESS = /^https:\/\/([a-z0-9]+)\.blob\.core\.windows\.net\/([^/?#]+)/;

async function openDriver(url: URL, variables: StoreVariables): Promise<StoreDriver> {
  const [address, account, container] = AZURE_ADDRESS.exec(url.href) ?? [];
  if (address !== undefined) {
    return openDriver(new URL(url.href.replace(address, `azblob://${container}`)), {
      ...variables,
      AZURE_STORAGE_ACCOUNT: account,
    });
  }
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+/, "").replace(/\/*$/, "/").replace(/^\/$/, "");
  if (url.protocol === "file:") return new FolderDriver(localPath(url));
  if (!["s3:", "gs:", "azblob:"].includes(url.protocol)) {
    throw new TriplineError("config-invalid", `A store at ${url.protocol}// is not supported; ${KINDS}.`);
  }
  if (url.host === "") throw new TriplineError("config-invalid", `"${url.href}" contains no bucket; ${KINDS}.`);
  if (url.protocol === "s3:") return (await import("./drivers/s3-driver.js")).openS3(url.host, prefix, variables);
  if (url.protocol === "gs:") return (await import("./drivers/gcs-driver.js")).openGcs(url.host, prefix, variables);
  return (await import("./drivers/azure-driver.js")).openAzure(url.host, prefix, variables);
}

function localPath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const detail = `"${url.href}" is not the URL of a local folder; ${KINDS}.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  }
}
