import { readFile, writeFile } from "node:fs/promises";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";

/** Keys per page, as in S3. */
const PAGE_KEYS = 1_000;

/** For tests: an in-memory store, for thousands of requests. */
export class MemoryDriver implements StoreDriver {
  readonly objects = new Map<string, { readonly data: Uint8Array; readonly version: string }>();
  #versions = 0;

  async put(key: string, body: Body, isNew: boolean): Promise<boolean> {
    const data = body.kind === "bytes" ? body.data : await readFile(body.path);
    if (isNew && this.objects.has(key)) return false;
    this.#versions += 1;
    this.objects.set(key, { data, version: String(this.#versions) });
    return true;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.objects.get(key)?.data;
  }

  async download(key: string, path: string): Promise<boolean> {
    const found = this.objects.get(key);
    if (found !== undefined) await writeFile(path, found.data, { flag: "wx" });
    return found !== undefined;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const found = this.objects.get(key);
    return found && { key, bytes: found.data.byteLength, version: found.version };
  }

  async page({ prefix, isCut, from = "" }: PageRequest): Promise<Page> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix));
    const cutOf = (key: string) => (isCut ? key.slice(0, key.indexOf("/", prefix.length) + 1) : "") || key;
    const found = [...new Set(keys.map(cutOf))].filter((key) => key > from).sort();
    const page = found.slice(0, PAGE_KEYS);
    const objects = page.flatMap((key) => {
      const object = this.objects.get(key);
      return object === undefined ? [] : [{ key, bytes: object.data.byteLength, version: object.version }];
    });
    const folders = page.filter((key) => !this.objects.has(key));
    return { objects, folders, next: page.length < found.length ? page.at(-1) : undefined };
  }

  async copy(from: string, to: string): Promise<boolean> {
    const found = this.objects.get(from);
    return found === undefined ? false : this.put(to, { kind: "bytes", data: found.data }, false);
  }

  async remove(key: string): Promise<void> {
    this.objects.delete(key);
  }

  faultOf(thrown: unknown): Fault {
    return { kind: "other", reason: String(thrown) };
  }
}
