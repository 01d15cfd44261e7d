// Adds ONNX Runtime's CUDA provider and NVIDIA's libraries to an app, and checks that all of their dependencies exist
// except the driver, which only machines with a GPU have.
//   node add-cuda.mjs --app /app --libraries <folder of the packages in cuda-requirements.txt> --out <folder>
// Writes <out>/onnxruntime and <out>/nvidia. Copy each of them to / as a separate layer.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimes } from "./set-times.mjs";

const LDD_MS_MAX = 60_000;
/** A library of the driver, not of CUDA. */
const OF_THE_DRIVER = "libcuda.so.1";

const text = { type: /** @type {const} */ ("string"), default: "" };
const { values } = parseArgs({ options: { app: text, libraries: text, out: text } });
const { app, libraries, out } = values;

const store = join(app, "node_modules", ".pnpm");
const entry = readdirSync(store).find((name) => name.startsWith("onnxruntime-node@"));
if (entry === undefined) throw new Error(`${store} contains no onnxruntime-node: use the scoring image.`);
const runtime = join("node_modules", ".pnpm", entry, "node_modules", "onnxruntime-node");
const { version } = JSON.parse(readFileSync(join(app, runtime, "package.json"), "utf8"));
if (!existsSync(join(libraries, `onnxruntime_gpu-${version}.dist-info`))) {
  throw new Error(`cuda-requirements.txt does not list onnxruntime-gpu ${version}, the version of onnxruntime-node.`);
}

const nvidia = join(out, "nvidia", "opt", "nvidia", "lib");
mkdirSync(nvidia, { recursive: true });
for (const name of readdirSync(join(libraries, "nvidia"))) {
  const folder = join(libraries, "nvidia", name, "lib");
  if (!existsSync(folder)) continue;
  for (const file of readdirSync(folder)) {
    if (/\.so(\.|$)/.test(file)) cpSync(realpathSync(join(folder, file)), join(nvidia, file));
  }
}
for (const abi of readdirSync(join(app, runtime, "bin"))) {
  const binaries = join(runtime, "bin", abi, "linux", "x64");
  if (!existsSync(join(app, binaries)))
    throw new Error(`${join(app, binaries)} is missing: the image must be for x86-64.`);
  const target = join(out, "onnxruntime", "app", binaries);
  mkdirSync(target, { recursive: true });
  // Omits TensorRT's provider, which needs TensorRT's libraries.
  for (const name of ["shared", "cuda"]) {
    const file = `libonnxruntime_providers_${name}.so`;
    cpSync(join(libraries, "onnxruntime", "capi", file), join(target, file));
    requireLoads(join(target, file));
  }
}
for (const file of readdirSync(nvidia)) requireLoads(join(nvidia, file));
setTimes(out);

/** @param {string} file */
function requireLoads(file) {
  const env = { ...process.env, LD_LIBRARY_PATH: nvidia };
  const found = execFileSync("ldd", [file], { env, encoding: "utf8", timeout: LDD_MS_MAX });
  const missing = [...found.matchAll(/^\s*(\S+) => not found$/gm)].flatMap(([, name = ""]) =>
    name === OF_THE_DRIVER ? [] : [name],
  );
  if (missing.length > 0)
    throw new Error(`${file} needs ${missing.join(", ")}, which cuda-requirements.txt does not install.`);
}
