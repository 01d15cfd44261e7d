/** What the store knows of an object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** Another one for other contents under the same key: ETag or generation. */
  readonly version: string;
}

/** Keys below a prefix. Whole, or cut after the next `/`, where `folders` has each of those once. */
export interface Page {
  readonly objects: readonly ObjectInfo[];
  /** Each ends with `/`; empty unless they were asked for. */
  readonly folders: readonly string[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: string | undefined;
}

export interface PageRequest {
  readonly prefix: string;
  /** Whether to cut after the next `/`. */
  readonly isCut: boolean;
  /** `next` of the page before. */
  readonly from?: string | undefined;
}

/** What an object is made from: bytes, or a file of this machine. */
export type Body =
  | { readonly kind: "bytes"; readonly data: Uint8Array }
  | { readonly kind: "file"; readonly path: string };

/**
 * Why a request failed:
 * - `bucket`: the bucket is not there;
 * - `credentials`: there are none, or they are wrong;
 * - `denied`: they do not allow this;
 * - `archived`: the object is in a tier from which it has to be restored first;
 * - `busy`: it may succeed when it is tried again;
 * - `other`: anything else, with the store's own words.
 */
export interface Fault {
  readonly kind: "bucket" | "credentials" | "denied" | "archived" | "busy" | "other";
  /** The store's own words, without a full stop. */
  readonly reason: string;
}

/**
 * What a kind of store can do, one request a call and none of them repeated: `ObjectStore` does that. A write is seen as
 * a whole or not at all, and by every request that begins after it has ended.
 */
export interface StoreDriver {
  /** @returns false if `isNew` and there is an object under the key already */
  put(key: string, body: Body, isNew: boolean): Promise<boolean>;
  /** Undefined where there is no such object. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Into a file that is not there yet; false where there is no such object. */
  download(key: string, path: string): Promise<boolean>;
  /** Undefined where there is no such object. */
  head(key: string): Promise<ObjectInfo | undefined>;
  page(request: PageRequest): Promise<Page>;
  /** Within the store, over what may be at `to`; false if there is nothing at `from`. */
  copy(from: string, to: string): Promise<boolean>;
  /** Does nothing if there is no such object. */
  remove(key: string): Promise<void>;
  faultOf(thrown: unknown): Fault;
}
