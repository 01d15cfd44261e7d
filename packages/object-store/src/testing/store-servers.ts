import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { z } from "zod";

/* For tests: a real server for each kind of store. */

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const PACKAGE = `${ROOT}/packages/object-store`;
const START_MS_MAX = 180_000;
const BUCKET = "tripline";

/** The default account of Azurite, as documented. */
const ACCOUNT = "devstoreaccount1";
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** A store's URL and the environment to open it with. */
export interface TestStore {
  /** Without a trailing `/`. */
  readonly url: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface S3Server {
  /** Uses the keys of an identity with full access. */
  readonly writer: TestStore;
  /** Uses the keys of a read-only identity. */
  readonly reader: TestStore;
  readonly endpoint: string;
  /** A key of the same cloud's key service, and an identity that may use only this key. */
  readonly kms: { readonly keyId: string; readonly environment: Readonly<Record<string, string>> };
}

const keys = z.object({ id: z.string(), secret: z.string() });
const served = z.object({
  s3: z.object({ url: z.string(), writer: keys, reader: keys, kms: z.object({ key_id: z.string(), user: keys }) }),
  gcs: z.object({ url: z.string() }),
});

/** Runs S3 (moto) and the Google Cloud Storage emulator in one process. */
export async function startPythonStores(): Promise<{ s3: S3Server; gcs: TestStore; stop(): Promise<void> }> {
  const requirementsFile = `${PACKAGE}/emulator-requirements.txt`;
  const { python } = await provisionPython({ name: "store-emulators", requirementsFile, root: ROOT });
  const child = spawn(python, [`${PACKAGE}/test-python/serve_stores.py`], {
    stdio: ["pipe", "pipe", "inherit"],
    // biome-ignore lint/style/noProcessEnv: a child process inherits our environment with a few changes
    env: { ...process.env, ...keepBytecode(python) },
  });
  const { s3, gcs } = served.parse(JSON.parse(await lineOf(child, /^{.*}$/)));
  const s3Store = ({ id, secret }: z.infer<typeof keys>): TestStore => ({
    url: `s3://${BUCKET}`,
    environment: { AWS_ENDPOINT_URL_S3: s3.url, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
  });
  const { key_id: keyId, user } = s3.kms;
  const wrapper = { AWS_ACCESS_KEY_ID: user.id, AWS_SECRET_ACCESS_KEY: user.secret };
  const kms = { keyId, environment: { AWS_ENDPOINT_URL_KMS: s3.url, AWS_REGION: "us-east-1", ...wrapper } };
  return {
    s3: { writer: s3Store(s3.writer), reader: s3Store(s3.reader), endpoint: s3.url, kms },
    gcs: { url: `gs://${BUCKET}`, environment: { STORAGE_EMULATOR_HOST: gcs.url } },
    stop: () => stop(child),
  };
}

/** Runs Azure Blob Storage (Azurite). */
export async function startAzurite(): Promise<TestStore & { stop(): Promise<void> }> {
  const entry = createRequire(import.meta.url).resolve("azurite/dist/src/blob/main.js");
  const options = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck"];
  const child = spawn(process.execPath, [entry, ...options, "--silent", "--disableTelemetry"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const line = await lineOf(child, /listens on http/);
  const endpoint = /http\S+/.exec(line)?.[0];
  const connection = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};BlobEndpoint=${endpoint}/${ACCOUNT};`;
  const { BlobServiceClient } = await import("@azure/storage-blob");
  await BlobServiceClient.fromConnectionString(connection).getContainerClient(BUCKET).create();
  return {
    url: `azblob://${BUCKET}`,
    environment: { AZURE_STORAGE_CONNECTION_STRING: connection },
    stop: () => stop(child),
  };
}

export function folderStore(folder: string): TestStore {
  return { url: pathToFileURL(folder).href, environment: {} };
}

async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const late = setTimeout(() => reject(new Error(`no server within ${START_MS_MAX} ms`)), START_MS_MAX);
  child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  if (child.stdout === null) throw new Error("the server has no output");
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (pattern.test(line)) resolve(line);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
