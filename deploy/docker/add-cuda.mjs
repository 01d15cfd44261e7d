// Adds the CUDA provider to the ONNX Runtime below a folder, with the install script of the package itself.
//   node add-cuda.mjs <folder that holds /app>
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimes } from "./set-times.mjs";

const INSTALL_MS_MAX = 20 * 60_000;

const [out = ""] = process.argv.slice(2);
const store = join(out, "app", "node_modules", ".pnpm");
const entry = readdirSync(store).find((name) => name.startsWith("onnxruntime-node@"));
if (entry === undefined) throw new Error(`There is no onnxruntime-node in ${store}: give the image of scoring.`);
const folder = join(store, entry, "node_modules", "onnxruntime-node");
execFileSync(process.execPath, ["script/install.js", "--onnxruntime-node-install=cuda12"], {
  cwd: folder,
  stdio: "inherit",
  timeout: INSTALL_MS_MAX,
});
for (const abi of readdirSync(join(folder, "bin"))) {
  const binaries = join(folder, "bin", abi, "linux", "x64");
  if (!existsSync(join(binaries, "libonnxruntime_providers_cuda.so"))) {
    throw new Error(`The CUDA provider is not in ${binaries}: read what the install script says above.`);
  }
  // It needs TensorRT's libraries, which the base image does not have.
  rmSync(join(binaries, "libonnxruntime_providers_tensorrt.so"), { force: true });
}
setTimes(out);
