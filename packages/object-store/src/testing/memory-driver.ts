import { readFile, writeFile } from "node:fs/promises";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";

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

  async page({ prefix, isCut }: PageRequest): Promise<Page> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const cutOf = (key: string) => (isCut ? key.indexOf("/", prefix.length) + 1 : 0);
    const whole = keys.filter((key) => cutOf(key) === 0);
    const objects = whole.map((key) => {
      const { data, version } = this.objects.get(key) ?? { data: new Uint8Array(), version: "" };
      return { key, bytes: data.byteLength, version };
    });
    const folders = new Set(keys.filter((key) => cutOf(key) > 0).map((key) => key.slice(0, cutOf(key))));
    return { objects, folders: [...folders] };
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
