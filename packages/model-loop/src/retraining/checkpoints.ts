import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { PLAN_FILE, RUN_PREFIX } from "./retrain-plan.js";

/** What a retraining needs to go on; the payments are read from the lake again, at the same positions. */
const KEPT = /^(plan\.json|run-[0-9a-f]{16}\/(fit-[0-9a-f]{16}\.ubj|result\.json))$/;

/**
 * The checkpoints of a work folder, in an object store as well: a machine that is lost costs the work since the last one,
 * and another machine with another folder goes on.
 */
export class Checkpoints {
  /** By key: size and time of what the store has. */
  readonly #kept = new Map<string, string>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: ObjectStore,
    private readonly work: string,
  ) {}

  /**
   * Makes the work folder what the store has. A folder that is at the same plan stays as it is.
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
   * Makes the store what the work folder has, one call after another.
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
    // A plan that the store has without its checkpoints begins anew; checkpoints without their plan help nobody.
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
