import type { Bucket, File } from "@google-cloud/storage";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";
import type { StoreVariables } from "../store-variables.js";
import { networkFault } from "./network-fault.js";

/** Objects per page. */
const PAGE_OBJECTS = 1_000;

/** Google's own library finds the identity. */
export async function openGcs(bucket: string, prefix: string, variables: StoreVariables): Promise<StoreDriver> {
  const { STORAGE_EMULATOR_HOST: emulator } = variables;
  const { Storage } = await import("@google-cloud/storage");
  // `ObjectStore` is responsible for retries. An emulator needs no token.
  const retryOptions = { autoRetry: false, maxRetries: 0 };
  const storage = new Storage({
    retryOptions,
    ...(emulator === undefined ? {} : { apiEndpoint: emulator, projectId: "emulator" }),
  });
  return new GcsDriver(storage.bucket(bucket), prefix);
}

class GcsDriver implements StoreDriver {
  constructor(
    private readonly bucket: Bucket,
    private readonly prefix: string,
  ) {}

  async put(key: string, body: Body, isNew: boolean): Promise<boolean> {
    const options = { resumable: false, ...(isNew ? { preconditionOpts: { ifGenerationMatch: 0 } } : {}) };
    try {
      if (body.kind === "bytes") await this.#file(key).save(Buffer.from(body.data), options);
      else await this.bucket.upload(body.path, { ...options, destination: this.#file(key) });
      return true;
    } catch (thrown) {
      if (isNew && statusOf(thrown) === 412) return false;
      throw thrown;
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const answer = await orNoObject(this.#file(key).download());
    return answer?.[0];
  }

  async download(key: string, path: string): Promise<boolean> {
    return (await orNoObject(this.#file(key).download({ destination: path }))) !== undefined;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const answer = await orNoObject(this.#file(key).getMetadata());
    return answer && infoOf(key, answer[0]);
  }

  async page({ prefix, isCut, from }: PageRequest): Promise<Page> {
    const [files, next, answer] = await this.bucket.getFiles({
      prefix: this.prefix + prefix,
      autoPaginate: false,
      maxResults: PAGE_OBJECTS,
      ...(isCut ? { delimiter: "/" } : {}),
      ...(from === undefined ? {} : { pageToken: from }),
    });
    const found: unknown = Reflect.get(Object(answer), "prefixes");
    const folders = Array.isArray(found) ? found.map((folder) => String(folder).slice(this.prefix.length)) : [];
    const token: unknown = Reflect.get(Object(next), "pageToken");
    const objects = files.map(({ name, metadata }) => infoOf(name.slice(this.prefix.length), metadata));
    return { objects, folders, next: typeof token === "string" ? token : undefined };
  }

  async copy(from: string, to: string): Promise<boolean> {
    return (await orNoObject(this.#file(from).copy(this.#file(to)))) !== undefined;
  }

  async remove(key: string): Promise<void> {
    await this.#file(key).delete({ ignoreNotFound: true });
  }

  faultOf(thrown: unknown): Fault {
    const status = statusOf(thrown);
    const fault = networkFault(thrown, status);
    if (status === 404) return { ...fault, kind: "bucket" };
    return /default credentials|refresh access token/i.test(fault.reason) ? { ...fault, kind: "credentials" } : fault;
  }

  #file(key: string): File {
    return this.bucket.file(this.prefix + key);
  }
}

function infoOf(key: string, metadata: File["metadata"]): ObjectInfo {
  return { key, bytes: Number(metadata.size), version: String(metadata.generation ?? metadata.etag) };
}

/** A missing bucket has the same status, but a different message. */
async function orNoObject<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (statusOf(thrown) === 404 && !/bucket/i.test(String(Reflect.get(Object(thrown), "message")))) return undefined;
    throw thrown;
  }
}

function statusOf(thrown: unknown): number | undefined {
  const code = Number(Reflect.get(Object(thrown), "code"));
  return Number.isInteger(code) && code > 0 ? code : undefined;
}
