import type { Readable } from "node:stream";
import type * as Azure from "@azure/storage-blob";
import { fetchEntraToken } from "@tripline/cloud-identity/entra-token";
import { renewing } from "@tripline/cloud-identity/renew-token";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";
import type { StoreVariables } from "../store-variables.js";
import { networkFault } from "./network-fault.js";

const RESOURCE = "https://storage.azure.com";
/** Objects per page. */
const PAGE_OBJECTS = 1_000;
/** The largest object that the store copies by itself in one step; larger objects are copied through this process. */
const COPY_BYTES_MAX = 256 * 1024 ** 2;
/** How long the signed URL of a copy's source is valid. */
const SOURCE_MS = 600_000;
const STREAM_BYTES = 8 * 1024 ** 2;
const STREAMS_MAX = 2;

type Bearer = () => Promise<string>;

/** @param copyBytesMax larger objects are copied through this process */
export async function openAzure(
  container: string,
  prefix: string,
  variables: StoreVariables,
  copyBytesMax = COPY_BYTES_MAX,
): Promise<StoreDriver> {
  const { AZURE_STORAGE_CONNECTION_STRING: connection, AZURE_STORAGE_ACCOUNT: account } = variables;
  const { BlobServiceClient } = await import("@azure/storage-blob");
  // `ObjectStore` is responsible for retries.
  const options = { retryOptions: { maxTries: 1 } };
  if (connection !== undefined) {
    const service = BlobServiceClient.fromConnectionString(connection, options);
    return new AzureDriver(service.getContainerClient(container), prefix, copyBytesMax, undefined);
  }
  if (account === undefined) {
    const detail =
      "AZURE_STORAGE_ACCOUNT is not set: set it to the storage account, or set AZURE_STORAGE_CONNECTION_STRING.";
    throw new TriplineError("config-invalid", detail);
  }
  const tokens = renewing(() => fetchEntraToken(variables, RESOURCE));
  const credential = {
    async getToken() {
      const { value } = await tokens();
      return { token: value.text, expiresOnTimestamp: value.expiresAtMs };
    },
  };
  const service = new BlobServiceClient(`https://${account}.blob.core.windows.net`, credential, options);
  const bearer = async () => (await credential.getToken()).token;
  return new AzureDriver(service.getContainerClient(container), prefix, copyBytesMax, bearer);
}

class AzureDriver implements StoreDriver {
  constructor(
    private readonly container: Azure.ContainerClient,
    private readonly prefix: string,
    private readonly copyBytesMax: number,
    private readonly bearer: Bearer | undefined,
  ) {}

  async put(key: string, body: Body, isNew: boolean): Promise<boolean> {
    const blob = this.#blob(key);
    const conditions = isNew ? { ifNoneMatch: "*" } : {};
    try {
      if (body.kind === "bytes") await blob.upload(body.data, body.data.byteLength, { conditions });
      else await blob.uploadFile(body.path, { conditions });
      return true;
    } catch (thrown) {
      if (isNew && ["BlobAlreadyExists", "ConditionNotMet"].includes(codeOf(thrown))) return false;
      throw thrown;
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return orNoBlob(this.#blob(key).downloadToBuffer());
  }

  async download(key: string, path: string): Promise<boolean> {
    return (await orNoBlob(this.#blob(key).downloadToFile(path))) !== undefined;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const found = await orNoBlob(this.#blob(key).getProperties());
    return found && { key, bytes: found.contentLength ?? 0, version: found.etag ?? "" };
  }

  async page({ prefix, isCut, from }: PageRequest): Promise<Page> {
    const options = { prefix: this.prefix + prefix };
    const paging = { maxPageSize: PAGE_OBJECTS, ...(from === undefined ? {} : { continuationToken: from }) };
    const pages = isCut
      ? this.container.listBlobsByHierarchy("/", options).byPage(paging)
      : this.container.listBlobsFlat(options).byPage(paging);
    const { value: page } = await pages.next();
    if (page === undefined) return { objects: [], folders: [] };
    const { blobItems: blobs, blobPrefixes } =
      page.segment as Azure.ContainerListBlobHierarchySegmentResponse["segment"];
    const objects = blobs.map(({ name, properties: { contentLength = 0, etag } }) => {
      return { key: name.slice(this.prefix.length), bytes: contentLength, version: etag };
    });
    const folders = (blobPrefixes ?? []).map(({ name }) => name.slice(this.prefix.length));
    return { objects, folders, next: page.continuationToken || undefined };
  }

  async copy(from: string, to: string, bytes: number): Promise<boolean> {
    const [source, target] = [this.#blob(from), this.#blob(to)];
    if (bytes > this.copyBytesMax) return (await orNoBlob(copyThrough(source, target))) !== undefined;
    if (this.bearer !== undefined) {
      const sourceAuthorization = { scheme: "Bearer", value: await this.bearer() };
      return (await orNoBlob(target.syncCopyFromURL(source.url, { sourceAuthorization }))) !== undefined;
    }
    const { BlobSASPermissions } = await import("@azure/storage-blob");
    const permissions = BlobSASPermissions.parse("r");
    const url = await source.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + SOURCE_MS) });
    return (await orNoBlob(target.syncCopyFromURL(url))) !== undefined;
  }

  async remove(key: string): Promise<void> {
    await orNoBlob(this.#blob(key).delete());
  }

  faultOf(thrown: unknown): Fault {
    const status: unknown = Reflect.get(Object(thrown), "statusCode");
    const fault = networkFault(thrown, typeof status === "number" ? status : undefined);
    const code = codeOf(thrown);
    if (code === "ContainerNotFound") return { ...fault, kind: "bucket" };
    if (code === "BlobArchived") return { ...fault, kind: "archived" };
    const isIdentity = code === "AuthenticationFailed" || code === "identity-unavailable";
    return isIdentity || code === "InvalidAuthenticationInfo" ? { ...fault, kind: "credentials" } : fault;
  }

  #blob(key: string): Azure.BlockBlobClient {
    return this.container.getBlockBlobClient(this.prefix + key);
  }
}

/**
 * For blobs that Azure cannot copy in one step. While Azure copies such a blob, readers see an empty one; this copy
 * becomes visible only once it is complete.
 */
async function copyThrough(source: Azure.BlockBlobClient, target: Azure.BlockBlobClient): Promise<unknown> {
  const { readableStreamBody: stream } = await source.download();
  if (stream === undefined) throw new Error("the store sent no body");
  return target.uploadStream(stream as Readable, STREAM_BYTES, STREAMS_MAX);
}

async function orNoBlob<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (["BlobNotFound", "CannotVerifyCopySource"].includes(codeOf(thrown)) && statusOf(thrown) === 404)
      return undefined;
    throw thrown;
  }
}

const statusOf = (thrown: unknown): unknown => Reflect.get(Object(thrown), "statusCode");

function codeOf(thrown: unknown): string {
  const details = Object(Reflect.get(Object(thrown), "details"));
  return String(Reflect.get(details, "errorCode") ?? Reflect.get(Object(thrown), "code") ?? "");
}
