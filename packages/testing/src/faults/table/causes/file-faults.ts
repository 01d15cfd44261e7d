import { cp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MANIFEST_FILE, MODEL_FILE } from "@tripline/model-registry/model-manifest";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Cause } from "../fault.js";
import { DOWN_MS } from "../fault.js";

const CHAMPION = "champion";
/** Size of a model file that was only partly copied. */
const HALF_BYTES = 4_096;

/** Replaces the folder with a file for a while, so that nobody, not even root, can read or write in it. */
export const loseFolder =
  (name: "registry" | "lake", during: Cause = async () => {}): Cause =>
  async (tools) => {
    const folder = tools[name];
    const away = `${folder}.away`;
    await rm(away, { recursive: true, force: true });
    await rename(folder, away);
    await writeFile(folder, "");
    try {
      await during(tools);
      await delay(DOWN_MS);
    } finally {
      await rm(folder);
      await rename(away, folder);
    }
  };

/** For a while, makes a partly copied version the champion. */
export const halveModel =
  (during: Cause): Cause =>
  async (tools) => {
    const folder = join(tools.registry, "models", MODEL_NAME);
    const alias = join(folder, "aliases", CHAMPION);
    const text = await readFile(alias, "utf8");
    const version = text.trim();
    const half = version.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const [from, to] = [version, half].map((one) => join(folder, "versions", one)) as [string, string];
    await cp(from, to, { recursive: true });
    await truncate(join(to, MODEL_FILE), HALF_BYTES);
    const manifest: object = JSON.parse(await readFile(join(from, MANIFEST_FILE), "utf8"));
    await writeFile(join(to, MANIFEST_FILE), JSON.stringify({ ...manifest, version: half }));
    await writeFile(alias, `${half}\n`);
    try {
      await delay(DOWN_MS);
      await during(tools);
      await delay(DOWN_MS);
    } finally {
      await writeFile(alias, text);
      await rm(to, { recursive: true });
    }
  };
