import { createWriteStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type * as S3 from "@aws-sdk/client-s3";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";
import type { StoreVariables } from "../store-variables.js";
import { networkFault } from "./network-fault.js";
import { COPY_PART_BYTES, S3Parts, UPLOAD_PART_BYTES } from "./s3-parts.js";

const CONNECT_MS_MAX = 5_000;
/** Timeout if the server stops sending a response. */
const SILENCE_MS_MAX = 30_000;
/** Maximum open connections; further requests wait. */
const SOCKETS_MAX = 50;

/** The responses to reading and to copying an object in an archive tier. */
const ARCHIVED = ["InvalidObjectState", "ObjectNotInActiveTierError"];
const WRONG_KEYS = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "CredentialsProviderError"];

/** Larger files and objects are written in parts of this size. */
interface PartBytes {
  readonly upload: number;
  readonly copy: number;
}

/** Keys from the environment take precedence; without them, AWS's own library finds the identity. */
export async function openS3(
  bucket: string,
  prefix: string,
  variables: StoreVariables,
  partBytes: PartBytes = { upload: UPLOAD_PART_BYTES, copy: COPY_PART_BYTES },
): Promise<StoreDriver> {
  const { AWS_REGION, AWS_ENDPOINT_URL_S3: endpoint } = variables;
  const region = AWS_REGION ?? (endpoint === undefined ? undefined : "us-east-1");
  if (region === undefined) {
    throw new TriplineError("config-invalid", `AWS_REGION is not set: set it to the region of the bucket ${bucket}.`);
  }
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = variables;
  const library = await import("@aws-sdk/client-s3");
  const client = new library.S3Client({
    region,
    // `ObjectStore` is responsible for retries.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_MS_MAX,
      socketTimeout: SILENCE_MS_MAX,
      httpsAgent: { maxSockets: SOCKETS_MAX },
      httpAgent: { maxSockets: SOCKETS_MAX },
    },
    // Servers other than AWS do not have a host name per bucket.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : {
          credentials: { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }) },
        }),
  });
  return new S3Driver(library, client, bucket, prefix, partBytes);
}

class S3Driver implements StoreDriver {
  readonly #parts: S3Parts;

  constructor(
    private readonly library: typeof S3,
    private readonly client: S3.S3Client,
    private readonly bucket: string,
    private readonly prefix: string,
    private readonly partBytes: PartBytes,
  ) {
    this.#parts = new S3Parts(library, client);
  }

  async put(key: string, body: Body, isNew: boolean): Promise<boolean> {
    const { PutObjectCommand } = this.library;
    const target = { ...this.#at(key), ...(isNew ? { IfNoneMatch: "*" as const } : {}) };
    try {
      const bytes = body.kind === "bytes" ? 0 : (await stat(body.path)).size;
      if (body.kind === "file" && bytes > this.partBytes.upload) {
        await this.#parts.upload(target, body.path, bytes, this.partBytes.upload);
      } else {
        const data = body.kind === "bytes" ? body.data : await readFile(body.path);
        await this.client.send(new PutObjectCommand({ ...target, Body: data }));
      }
      return true;
    } catch (thrown) {
      if (isNew && statusOf(thrown) === 412) return false;
      throw thrown;
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const { GetObjectCommand } = this.library;
    const answer = await orNoKey(this.client.send(new GetObjectCommand(this.#at(key))));
    return answer?.Body?.transformToByteArray();
  }

  async download(key: string, path: string): Promise<boolean> {
    const { GetObjectCommand } = this.library;
    const answer = await orNoKey(this.client.send(new GetObjectCommand(this.#at(key))));
    if (answer?.Body === undefined) return false;
    await pipeline(answer.Body as Readable, createWriteStream(path, { flags: "wx" }));
    return true;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const { HeadObjectCommand } = this.library;
    const answer = await orNoKey(this.client.send(new HeadObjectCommand(this.#at(key))));
    return answer && { key, bytes: answer.ContentLength ?? 0, version: answer.ETag ?? "" };
  }

  async page({ prefix, isCut, from }: PageRequest): Promise<Page> {
    const { ListObjectsV2Command } = this.library;
    const answer = await this.client.send(
      new ListObjectsV2Command({
        Bucket: this.bucket,
        Prefix: this.prefix + prefix,
        ...(isCut ? { Delimiter: "/" } : {}),
        ...(from === undefined ? {} : { ContinuationToken: from }),
      }),
    );
    const objects = (answer.Contents ?? []).map(({ Key = "", Size = 0, ETag = "" }) => {
      return { key: Key.slice(this.prefix.length), bytes: Size, version: ETag };
    });
    const folders = (answer.CommonPrefixes ?? []).map(({ Prefix = "" }) => Prefix.slice(this.prefix.length));
    return { objects, folders, next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined };
  }

  async copy(from: string, to: string, bytes: number): Promise<boolean> {
    const { CopyObjectCommand } = this.library;
    const source = `${this.bucket}/${this.prefix}${from}`.split("/").map(encodeURIComponent).join("/");
    const [target, partBytes] = [this.#at(to), this.partBytes.copy];
    const copied =
      bytes > partBytes
        ? this.#parts.copy(target, source, bytes, partBytes).then(() => true)
        : this.client.send(new CopyObjectCommand({ ...target, CopySource: source }));
    return (await orNoKey<unknown>(copied)) !== undefined;
  }

  async remove(key: string): Promise<void> {
    const { DeleteObjectCommand } = this.library;
    await this.client.send(new DeleteObjectCommand(this.#at(key)));
  }

  faultOf(thrown: unknown): Fault {
    const name = nameOf(thrown);
    const fault = networkFault(thrown, statusOf(thrown));
    if (name === "NoSuchBucket") return { ...fault, kind: "bucket" };
    if (ARCHIVED.includes(name)) return { ...fault, kind: "archived" };
    return WRONG_KEYS.includes(name) ? { ...fault, kind: "credentials" } : fault;
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }
}

async function orNoKey<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    // The response to HEAD has no body, which would contain the reason.
    if (["NoSuchKey", "NotFound"].includes(nameOf(thrown))) return undefined;
    throw thrown;
  }
}

const nameOf = (thrown: unknown) => String(Reflect.get(Object(thrown), "name"));

function statusOf(thrown: unknown): number | undefined {
  const status: unknown = Reflect.get(Object(Reflect.get(Object(thrown), "$metadata")), "httpStatusCode");
  return typeof status === "number" ? status : undefined;
}
