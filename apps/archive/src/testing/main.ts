import { FolderDisk } from "@tripline/lake/log/folder-disk";
import { runMain } from "@tripline/nest-kit/run-main";
import { archiveConfig } from "../config.js";
import { startArchive } from "../start-archive.js";

/**
 * For tests: starts the service like `main.ts`, but with a disk that kills the process, as kill -9 would, at one of its
 * operations: `main.js <method> <part of the path> <count> <before|after>`.
 */
const [method = "", part = "", nth = "0", when = ""] = process.argv.slice(2);

class KillingDisk extends FolderDisk {
  #seen = 0;

  override writeFile = (path: string, text: string) => this.#at("writeFile", path, () => super.writeFile(path, text));
  override sync = (path: string) => this.#at("sync", path, () => super.sync(path));
  override linkNew = (from: string, to: string) => this.#at("linkNew", to, () => super.linkNew(from, to));
  override move = (from: string, to: string) => this.#at("move", to, () => super.move(from, to));
  override list = (path: string) => this.#at("list", path, () => super.list(path));

  async #at<T>(name: string, path: string, work: () => Promise<T>): Promise<T> {
    const isIt = name === method && path.includes(part) && ++this.#seen === Number(nth);
    if (isIt && when === "before") process.kill(process.pid, "SIGKILL");
    const result = await work();
    if (isIt) process.kill(process.pid, "SIGKILL");
    return result;
  }
}

await runMain("archive", archiveConfig, (config) =>
  startArchive(config, undefined, method === "" ? undefined : new KillingDisk()),
);
