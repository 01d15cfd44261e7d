/** An object's metadata. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** A value that changes with the content under the same key: ETag or generation. */
  readonly version: string;
}

/**
 * Keys with a prefix. Either all keys, or grouped by the part up to the next `/`, in which case `folders` contains each
 * group once.
 */
export interface Page {
  readonly objects: readonly ObjectInfo[];
  /** Each ends with `/`; empty unless the request asked for folders. */
  readonly folders: readonly string[];
  /** Start of the next page; absent on the last page. */
  readonly next?: string | undefined;
}

export interface PageRequest {
  readonly prefix: string;
  /** Whether to group keys by the part up to the next `/`. */
  readonly isCut: boolean;
  /** `next` of the previous page. */
  readonly from?: string | undefined;
}

/** An object's content: bytes, or a file on this machine. */
export type Body =
  | { readonly kind: "bytes"; readonly data: Uint8Array }
  | { readonly kind: "file"; readonly path: string };

/**
 * Why a request failed:
 * - `bucket`: the bucket does not exist;
 * - `credentials`: they are missing or wrong;
 * - `denied`: they do not allow this;
 * - `archived`: the object is in an archive tier and must be restored first;
 * - `busy`: a retry may succeed;
 * - `other`: anything else, with the store's own message.
 */
export interface Fault {
  readonly kind: "bucket" | "credentials" | "denied" | "archived" | "busy" | "other";
  /** The store's own message, without a full stop. */
  readonly reason: string;
}

/**
 * The operations of a kind of store: one request per call (or one per part of a large object), without retries, which
 * `ObjectStore` adds. Writes are atomic, and visible to every request that starts after they end.
 */
export interface StoreDriver {
  /** @returns false if `isNew` and the key already exists */
  put(key: string, body: Body, isNew: boolean): Promise<boolean>;
  /** Undefined if the object does not exist. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes to a new file; false if the object does not exist. */
  download(key: string, path: string): Promise<boolean>;
  /** Undefined if the object does not exist. */
  head(key: string): Promise<ObjectInfo | undefined>;
  page(request: PageRequest): Promise<Page>;
  /**
   * Copies within the store and overwrites `to`; false if `from` does not exist.
   *
   * @param bytes size of `from`
   */
  copy(from: string, to: string, bytes: number): Promise<boolean>;
  /** Does nothing if the object does not exist. */
  remove(key: string): Promise<void>;
  faultOf(thrown: unknown): Fault;
}
