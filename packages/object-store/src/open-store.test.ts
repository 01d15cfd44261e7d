import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListMultipartUploadsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { openAzure } from "./drivers/azure-driver.js";
import { openS3 } from "./drivers/s3-driver.js";
import { ObjectStore } from "./object-store.js";
import { openStore } from "./open-store.js";
import type { Body } from "./store-driver.js";
import { storeVariablesSchema } from "./store-variables.js";
import { CuttingProxy } from "./testing/cutting-proxy.js";
import { MemoryDriver } from "./testing/memory-driver.js";
import type { S3Server, TestStore } from "./testing/store-servers.js";
import { folderStore, startAzurite, startPythonStores } from "./testing/store-servers.js";

const START_MS_MAX = 300_000;
const QUICK = { pauseMs: 1 };
const KINDS = ["file", "s3", "gs", "azblob", "memory"] as const;

let folder: string;
let python: Awaited<ReturnType<typeof startPythonStores>>;
let azure: Awaited<ReturnType<typeof startAzurite>>;
let s3: S3Server;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-store-test-"));
  python = await startPythonStores();
  stops.push(python.stop);
  azure = await startAzurite();
  stops.push(azure.stop);
  s3 = python.s3;
}, START_MS_MAX);

afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
  await rm(folder, { recursive: true, force: true });
});

let prefixes = 0;

/** A store that only this test uses. */
async function freshStore(kind: (typeof KINDS)[number]): Promise<ObjectStore> {
  if (kind === "memory") return new ObjectStore("memory://", new MemoryDriver());
  prefixes += 1;
  return open(storeOf(kind), `/p${prefixes}`);
}

function storeOf(kind: Exclude<(typeof KINDS)[number], "memory">): TestStore {
  return { file: folderStore(folder), s3: s3.writer, gs: python.gcs, azblob: azure }[kind];
}

const open = ({ url, environment }: TestStore, prefix = "", change: Record<string, string> = {}) =>
  openStore(url + prefix, { ...environment, ...change }, QUICK);

const textOf = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();

async function keysOf(store: ObjectStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

describe.each(KINDS)("a store of kind %s", (kind) => {
  test("keeps, replaces, copies and removes objects", async () => {
    const store = await freshStore(kind);
    await store.put("a/one.json", "1");
    await store.put("a/one.json", "eins");
    expect(textOf(await store.get("a/one.json"))).toBe("eins");
    expect(await store.head("a/one.json")).toMatchObject({ key: "a/one.json", bytes: 4 });
    expect(await store.copy("a/one.json", "b/day=2024-02-29/two")).toBe(true);
    expect(textOf(await store.get("b/day=2024-02-29/two"))).toBe("eins");
    for (let times = 0; times < 2; times += 1) await store.remove("a/one.json");
    expect(await store.get("a/one.json")).toBeUndefined();
    expect(await store.head("a/one.json")).toBeUndefined();
    expect(await store.copy("a/one.json", "c")).toBe(false);
    expect(await keysOf(store)).toEqual(["b/day=2024-02-29/two"]);
    await store.put("empty", "");
    expect(await store.get("empty")).toHaveLength(0);
  });

  test("lets only one of many writers create a key", async () => {
    const store = await freshStore(kind);
    const writers = Array.from({ length: 8 }, (_, number) => `writer ${number}`);
    const answers = await Promise.all(writers.map((writer) => store.putIfAbsent("log/1", writer)));
    expect(answers.filter((isMade) => isMade)).toHaveLength(1);
    expect(textOf(await store.get("log/1"))).toBe(writers[answers.indexOf(true)]);
    expect(await store.putIfAbsent("log/1", "late")).toBe(false);
    expect(await store.putIfAbsent("log/2", "next")).toBe(true);
  });

  test("gives different content a different version", async () => {
    const store = await freshStore(kind);
    await store.put("x", "1");
    const first = await store.head("x");
    await store.put("x", "2");
    expect((await store.head("x"))?.version).not.toBe(first?.version);
  });

  test("lists a prefix in order, either completely or folder by folder", async () => {
    const store = await freshStore(kind);
    const keys = ["t/_log/1", "t/_log/2", "t/day=1/1", "t/x", "tt/1", "z"];
    await Promise.all(keys.map((key) => store.put(key, key)));
    expect(await keysOf(store, "t/")).toEqual(keys.slice(0, 4));
    expect(await keysOf(store, "t/_l")).toEqual(keys.slice(0, 2));
    const { objects, folders } = await store.listFolder("t/");
    expect(objects.map(({ key, bytes }) => [key, bytes])).toEqual([["t/x", 3]]);
    expect(folders).toEqual(["t/_log/", "t/day=1/"]);
    expect(await store.listFolder("none/")).toEqual({ objects: [], folders: [] });
  });

  test("uploads and downloads files", async () => {
    const store = await freshStore(kind);
    const [from, to] = [join(folder, `${kind}-from`), join(folder, `${kind}-to`)];
    const bytes = Buffer.alloc(3 * 1024 ** 2, "tripline");
    await writeFile(from, bytes);
    await store.upload(from, "files/large");
    expect(await store.download("files/large", to)).toBe(true);
    expect((await readFile(to)).equals(bytes)).toBe(true);
    const missing = join(folder, `${kind}-missing`);
    expect(await store.download("files/none", missing)).toBe(false);
    await expect(readFile(missing)).rejects.toThrow("ENOENT");
  });
});

test("lists more keys than fit on a page", async () => {
  const store = await freshStore("s3");
  const keys = Array.from({ length: 1_005 }, (_, number) => `k/${String(number).padStart(5, "0")}`);
  for (let at = 0; at < keys.length; at += 100) {
    await Promise.all(keys.slice(at, at + 100).map((key) => store.put(key, "")));
  }
  expect(await keysOf(store, "k/")).toEqual(keys);
});

test("rejects a server that ignores the condition of a write", async () => {
  await (await freshStore("s3")).requireConditions();
  class Careless extends MemoryDriver {
    override put = (key: string, body: Body) => super.put(key, body, false);
  }
  await expect(new ObjectStore("s3://b", new Careless()).requireConditions()).rejects.toMatchObject({
    code: "store-refused",
    message: expect.stringContaining("ignores If-None-Match"),
  });
});

test("writes large objects to S3 in parts, and leaves no parts of a failed upload", async () => {
  const MIB = 1024 ** 2;
  const partBytes = { upload: 5 * MIB, copy: 6 * MIB };
  const variables = storeVariablesSchema.parse(s3.writer.environment);
  const driver = await openS3("tripline", "parts/", variables, partBytes);
  const store = new ObjectStore(`${s3.writer.url}/parts`, driver, QUICK);
  const [path, back] = [join(folder, "parts"), join(folder, "parts-back")];
  const data = Buffer.alloc(12 * MIB + 1).map((_, index) => index % 251);
  await writeFile(path, data);
  await store.upload(path, "large");
  expect((await store.head("large"))?.version).toMatch(/-3"$/);
  expect(await store.copy("large", "copy")).toBe(true);
  expect(await store.head("copy")).toMatchObject({ bytes: data.length, version: expect.stringMatching(/-3"$/) });
  expect(await store.download("copy", back)).toBe(true);
  expect((await readFile(back)).equals(data)).toBe(true);
  expect(await store.copy("none", "copy")).toBe(false);
  expect(await driver.put("large", { kind: "file", path }, true)).toBe(false);
  // The last part lies beyond the end of the object.
  await expect(driver.copy("large", "half", data.length + 12 * MIB)).rejects.toThrow();
  expect(await store.head("half")).toBeUndefined();
  expect(await unfinishedUploads()).toEqual([]);
});

test("reports an object in an archive tier, and says what to do", async () => {
  const [StorageClass, Body] = ["DEEP_ARCHIVE" as const, "1"];
  await s3Client().send(new PutObjectCommand({ Bucket: "tripline", Key: "archived/a", StorageClass, Body }));
  const store = await open(s3.writer, "/archived");
  const failure = { kind: "archived", message: expect.stringMatching(/archived\/a cannot be .* Restore it from/) };
  await expect(store.download("a", join(folder, "archived"))).rejects.toMatchObject(failure);
  await expect(store.copy("a", "b")).rejects.toMatchObject(failure);
});

function s3Client(): S3Client {
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = s3.writer.environment;
  const credentials = { accessKeyId, secretAccessKey };
  return new S3Client({ region: "us-east-1", endpoint: s3.endpoint, forcePathStyle: true, credentials });
}

/** Keys of multipart uploads that were neither completed nor aborted. */
async function unfinishedUploads(): Promise<unknown[]> {
  const { Uploads = [] } = await s3Client().send(new ListMultipartUploadsCommand({ Bucket: "tripline" }));
  return Uploads.map(({ Key }) => Key);
}

test("copies a blob through this process if Azure cannot copy it in one step", async () => {
  const driver = await openAzure("tripline", "large/", storeVariablesSchema.parse(azure.environment), 10);
  const store = new ObjectStore(`${azure.url}/large`, driver, QUICK);
  const data = Buffer.alloc(100_000, "tripline");
  await store.put("from", data);
  expect(await store.copy("from", "to")).toBe(true);
  expect(textOf(await store.get("to"))).toBe(data.toString());
});

test("retries after a broken connection, and does not mistake its own write for another writer's", async () => {
  const proxy = await CuttingProxy.start(s3.endpoint);
  const through = { AWS_ENDPOINT_URL_S3: proxy.url };
  try {
    proxy.cuts = 2;
    await (await open(s3.writer, "/cut", through)).put("a", "1");
    expect(textOf(await (await open(s3.writer, "/cut")).get("a"))).toBe("1");
    // Its connections are not shared with the previous store.
    proxy.lostAnswers = 1;
    expect(await (await open(s3.writer, "/cut", through)).putIfAbsent("b", "mine")).toBe(true);
    proxy.lostAnswers = 1;
    expect(await (await open(s3.writer, "/cut", through)).putIfAbsent("b", "another's")).toBe(false);
    proxy.cuts = 99;
    await expect((await open(s3.writer, "/cut", through)).get("a")).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringMatching(/^s3:\/\/tripline\/cut\/a cannot be read after 4 tries: .*Check its address/),
    });
  } finally {
    await proxy.close();
  }
});

const REFUSALS: readonly (readonly [string, () => Promise<ObjectStore>, RegExp])[] = [
  ["a missing S3 bucket", () => open({ ...s3.writer, url: "s3://nowhere" }), /NoSuchBucket.*Create the bucket/],
  ["a missing GCS bucket", () => open({ ...python.gcs, url: "gs://nowhere" }), /Create the bucket/],
  ["a missing Azure container", () => open({ ...azure, url: "azblob://nowhere" }), /ContainerNotFound.*Create the b/],
  [
    "a key ID that does not exist",
    () => open(s3.writer, "", { AWS_ACCESS_KEY_ID: "AKIA0" }),
    /InvalidAccessKeyId.*keys\./,
  ],
  [
    "a wrong key",
    () => open(azure, "", { AZURE_STORAGE_CONNECTION_STRING: wrongKey() }),
    /AuthorizationFailure|keys\./,
  ],
  ["an identity that may only read", () => open(s3.reader), /AccessDenied.*Allow this identity to list, read, write/],
  ["a folder that is a file", () => openStore(`file://${folder}/file`), /^file:.* Free disk space in that folder/],
];

const wrongKey = () =>
  (azure.environment.AZURE_STORAGE_CONNECTION_STRING ?? "").replace(/AccountKey=[^;]+/, "AccountKey=d3Jvbmc=");

test.each(REFUSALS)("rejects %s and says what to do", async (_name, refused, words) => {
  await writeFile(join(folder, "file"), "");
  const store = await refused();
  const failure = { code: "store-refused", message: expect.stringMatching(words) };
  await expect(store.put("a/b", "1")).rejects.toMatchObject(failure);
});

test.each([
  ["text that is not a URL", "lake", {}, /is not a valid store URL; use file:/],
  ["an unknown scheme", "ftp://x/y", {}, /A store at ftp:\/\/ is not supported/],
  ["a URL without a bucket", "s3:///x", {}, /contains no bucket/],
  ["S3 without a region", "s3://b", {}, /AWS_REGION is not set/],
  ["Azure without an account", "azblob://b", {}, /AZURE_STORAGE_ACCOUNT is not set/],
  ["a file of another machine", "file://host/x", {}, /is not the URL of a local folder/],
])("does not open %s", async (_name, url, environment, words) => {
  await expect(openStore(url, environment)).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringMatching(words),
  });
});
