import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { PLAN_FILE, RUN_PREFIX } from "./retrain-plan.js";

/** The files that a retraining needs to resume; payments are read again from the same positions in the lake. */
const KEPT = /^(plan\.json|run-[0-9a-f]{16}\/(fit-[0-9a-f]{16}\.ubj|result\.json))$/;

/**
 * Copies the checkpoints of a work folder to an object store. If a machine is lost, only the work since the last
 * checkpoint is lost, and another machine can resume.
 */
export class Checkpoints {
  /** Size and modification time of each object in the store, by key. */
  readonly #kept = new Map<string, string>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: ObjectStore,
    private readonly work: string,
  ) {}

  /**
   * Updates the work folder to match the store, unless it already contains the same plan.
   *
   * @throws TriplineError `store-unavailable`, `store-refused`
   */
  async fetch(): Promise<void> {
    await mkdir(this.work, { recursive: true });
    const plan = await this.store.get(PLAN_FILE);
    if (plan === undefined) return;
    const own = await readFile(join(this.work, PLAN_FILE)).catch(() => Buffer.of());
    if (own.equals(plan)) return;
    for (const name of await readdir(this.work)) {
      if (name === PLAN_FILE || name.startsWith(RUN_PREFIX)) await rm(join(this.work, name), { recursive: true });
    }
    for await (const { key } of this.store.list("")) {
      if (!KEPT.test(key)) continue;
      await mkdir(dirname(join(this.work, key)), { recursive: true });
      await this.store.download(key, join(this.work, key));
    }
  }

  /**
   * Updates the store to match the work folder. Calls run one at a time.
   *
   * @throws TriplineError `store-unavailable`, `store-refused`
   */
  keep(): Promise<void> {
    const next = this.#running.catch(() => undefined).then(() => this.#keep());
    this.#running = next;
    return next;
  }

  async #keep(): Promise<void> {
    const names = (await readdir(this.work, { recursive: true })).filter((name) => KEPT.test(name));
    // A plan without checkpoints can start over, but checkpoints without their plan are useless.
    for (const name of names.sort()) {
      const found = await stat(join(this.work, name)).catch(() => undefined);
      const mark = `${found?.size} ${found?.mtimeMs}`;
      if (found === undefined || this.#kept.get(name) === mark) continue;
      await this.store.upload(join(this.work, name), name);
      this.#kept.set(name, mark);
    }
    for await (const { key } of this.store.list("")) {
      if (!KEPT.test(key) || names.includes(key)) continue;
      await this.store.remove(key);
      this.#kept.delete(key);
    }
  }
}
