// For the doctor: whether the champion's features vary online, if a local system with an archive is running.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { programFile } from "../../packages/system/programs.mjs";

const CHECK_MS_MAX = 120_000;
/** Exit code of `tripline models check` if a feature is constant. */
const CONSTANT = 3;

/**
 * Empty if no system of this checkout is running, or it has no archive.
 *
 * @param {string} root
 * @returns {Promise<import("./doctor.mjs").Finding[]>}
 */
export async function examineModel(root) {
  const lake = lakeOf(join(root, ".tripline", "demo", "system.json"));
  const program = programFile(root, "cli");
  if (lake === undefined || !existsSync(program)) return [];
  const node = join(root, "node_modules", ".bin", "node");
  const args = [program, "models", "check", "--lake", lake];
  const { code, output } = await new Promise((resolve) => {
    execFile(node, args, { timeout: CHECK_MS_MAX, encoding: "utf8" }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: `${stdout}${stderr}`.trim() }),
    );
  });
  if (code !== CONSTANT)
    return [{ name: "model", ok: true, detail: code === 0 ? output : `not checked: ${output}`, fix: "" }];
  const [detail = "", fix = ""] = output.split(/\. (?=Materialise)/);
  return [{ name: "model", ok: false, detail, fix: fix.replace(/\.$/, "") }];
}

/** @param {string} file */
function lakeOf(file) {
  try {
    /** @type {unknown} */
    const lake = JSON.parse(readFileSync(file, "utf8")).lakeDirectory;
    return typeof lake === "string" ? lake : undefined;
  } catch {
    return undefined;
  }
}
