import { randomUUID } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Body, Fault, ObjectInfo, Page, StoreDriver } from "./store-driver.js";

/** Number of attempts per request while the store is busy or unavailable, with about 2 s of delays in total. */
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 250;
/** Timeout of an attempt that does not transfer a file. */
const REQUEST_MS_MAX = 30_000;
/** Timeout of an attempt that transfers a file, for each started GiB of the file's size. */
const TRANSFER_MS_PER_GIB = 600_000;
const GIB = 1024 ** 3;

export interface Listing {
  readonly objects: readonly ObjectInfo[];
  /** Each ends with `/`. */
  readonly folders: readonly string[];
}

export interface StoreLimits {
  readonly requestMs?: number;
  readonly pauseMs?: number;
}

/**
 * Objects under one URL. Keys are relative to it, with `/` as separator. Every write is atomic. Transient failures are
 * retried, up to four attempts in all.
 *
 * Every method throws TriplineError `store-unavailable` if the store does not respond, and `store-refused` if an
 * operator must fix the bucket, the credentials or their permissions.
 */
export class ObjectStore {
  constructor(
    /** Without a trailing `/`. */
    readonly url: string,
    private readonly driver: StoreDriver,
    private readonly limits: StoreLimits = {},
  ) {}

  async put(key: string, data: Uint8Array | string): Promise<void> {
    await this.#try(`${this.#of(key)} cannot be written`, () => this.driver.put(key, bodyOf(data), false));
  }

  /**
   * Creates an object only if it does not exist; of concurrent writers, exactly one gets true. The data must be unique
   * to this writer, for example because it contains a random id, which shows whether an attempt whose response was lost
   * has succeeded.
   */
  async putIfAbsent(key: string, data: Uint8Array | string): Promise<boolean> {
    const body = bodyOf(data);
    let tries = 0;
    const isMade = await this.#try(`${this.#of(key)} cannot be written`, () => {
      tries += 1;
      return this.driver.put(key, body, true);
    });
    if (isMade || tries === 1) return isMade;
    const found = await this.get(key);
    return found !== undefined && Buffer.compare(found, body.data) === 0;
  }

  /**
   * Checks that the server implements `putIfAbsent` correctly; some S3-compatible servers do not.
   *
   * @throws TriplineError `store-refused` if it does not
   */
  async requireConditions(): Promise<void> {
    const key = `_probe-${randomUUID()}`;
    await this.putIfAbsent(key, "first");
    const isReplaced = await this.putIfAbsent(key, "second");
    await this.remove(key);
    if (!isReplaced) return;
    const detail = `${this.url} is on a server that ignores If-None-Match, so concurrent writers would lose data. Use another server.`;
    throw new TriplineError("store-refused", detail);
  }

  /** Undefined if the object does not exist. */
  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#try(`${this.#of(key)} cannot be read`, () => this.driver.get(key));
  }

  /** Undefined if the object does not exist. */
  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#try(`${this.#of(key)} cannot be checked`, () => this.driver.head(key));
  }

  /** All keys with this prefix, in ascending order. */
  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    for await (const { objects } of this.#pages(prefix, false)) yield* objects;
  }

  /**
   * The direct children of a folder. `prefix` is `""` or a path that ends with `/`, optionally followed by the first
   * characters of the names to return.
   */
  async listFolder(prefix: string): Promise<Listing> {
    const objects: ObjectInfo[] = [];
    const folders: string[] = [];
    for await (const page of this.#pages(prefix, true)) {
      objects.push(...page.objects);
      folders.push(...page.folders);
    }
    return { objects, folders };
  }

  /** Copies within the store and overwrites `to`; false if `from` does not exist. */
  async copy(from: string, to: string): Promise<boolean> {
    const found = await this.head(from);
    if (found === undefined) return false;
    const what = `${this.#of(from)} cannot be copied to ${to}`;
    return this.#try(what, () => this.driver.copy(from, to, found.bytes), transferMs(found.bytes));
  }

  /** Does nothing if the object does not exist. */
  async remove(key: string): Promise<void> {
    await this.#try(`${this.#of(key)} cannot be removed`, () => this.driver.remove(key));
  }

  /** Streams a file of any size into an object. */
  async upload(path: string, key: string): Promise<void> {
    const what = `${this.#of(key)} cannot be written`;
    const msMax = transferMs((await stat(path)).size);
    await this.#try(what, () => this.driver.put(key, { kind: "file", path }, false), msMax);
  }

  /**
   * Streams an object into a new file; false if the object does not exist. After a failure, the file does not exist.
   *
   * @param bytes the object's size, if it is larger than 1 GiB
   */
  async download(key: string, path: string, bytes = 0): Promise<boolean> {
    const once = async () => {
      try {
        return await this.driver.download(key, path);
      } catch (thrown) {
        await rm(path, { force: true });
        throw thrown;
      }
    };
    const isThere = await this.#try(`${this.#of(key)} cannot be read`, once, transferMs(bytes));
    if (!isThere) await rm(path, { force: true });
    return isThere;
  }

  async *#pages(prefix: string, isCut: boolean): AsyncGenerator<Page> {
    for (let from: string | undefined; ; ) {
      const request = { prefix, isCut, from };
      const page = await this.#try(`${this.#of(prefix)} cannot be listed`, () => this.driver.page(request));
      yield page;
      from = page.next;
      if (from === undefined) return;
    }
  }

  #of(key: string): string {
    return `${this.url}/${key}`;
  }

  async #try<T>(what: string, work: () => Promise<T>, msMax = this.limits.requestMs ?? REQUEST_MS_MAX): Promise<T> {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await within(msMax, work);
      } catch (thrown) {
        if (thrown instanceof TriplineError && thrown.code !== "identity-unavailable") throw thrown;
        const fault = thrown instanceof SlowRequest ? thrown.fault : this.driver.faultOf(thrown);
        if (fault.kind !== "busy" || attempts === ATTEMPTS_MAX) throw failure(this.url, what, fault, thrown);
        await delay((this.limits.pauseMs ?? PAUSE_MS) * 2 ** (attempts - 1) * (1 + Math.random() / 4));
      }
    }
  }
}

class SlowRequest extends Error {
  readonly fault: Fault;

  constructor(ms: number) {
    super(`no response within ${ms} ms`);
    this.fault = { kind: "busy", reason: this.message };
  }
}

function transferMs(bytes: number): number {
  return TRANSFER_MS_PER_GIB * (Math.floor(bytes / GIB) + 1);
}

/** Adds a timeout, which not every library supports. A later result is ignored. */
async function within<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new SlowRequest(ms)), ms);
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function bodyOf(data: Uint8Array | string): Extract<Body, { kind: "bytes" }> {
  return { kind: "bytes", data: typeof data === "string" ? Buffer.from(data) : data };
}

/** What to do about each kind of failure. */
const REMEDIES: Record<Fault["kind"], string> = {
  bucket: "Create the bucket, or fix its name in the URL",
  credentials: "Assign an identity to the service account, or set the correct keys",
  denied: "Allow this identity to list, read, write and delete below that URL",
  archived: "Restore it from its archive tier, or read only newer days",
  busy: "Check its address and the network; the request can be retried",
  other: "Check the store's error message",
};

/** A failure of a store, and its kind. */
export class StoreError extends TriplineError {
  constructor(
    readonly kind: Fault["kind"],
    detail: string,
    cause: unknown,
  ) {
    super(kind === "busy" ? "store-unavailable" : "store-refused", detail, [], { cause });
  }
}

function failure(url: string, what: string, { kind, reason }: Fault, cause: unknown): TriplineError {
  const tried = kind === "busy" ? ` after ${ATTEMPTS_MAX} tries` : "";
  const remedy = url.startsWith("file:")
    ? "Free disk space in that folder, or fix its path or permissions"
    : REMEDIES[kind];
  const detail = `${what}${tried}: ${reason.replace(/[.\s]+$/, "")}. ${remedy}.`;
  return new StoreError(kind, detail, cause);
}
