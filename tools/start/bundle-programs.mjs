// Bundles each program with all of its imports, including libraries, into a few files: `dist/programs/<name>.mjs` and shared
// chunks (docs/adr/0037-programs-are-bundled.md). The compiler's output stays, for tests and threads.
// node tools/start/bundle-programs.mjs [<name of an app>…]
import { existsSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  areBundlesFresh,
  bundleFolder,
  compiledProgram,
  inputsFile,
  programNames,
} from "../../packages/system/programs.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** They locate their native code relative to themselves. */
const NATIVE = ["@duckdb/node-api", "@duckdb/node-bindings", "onnxruntime-node"];
/** These files determine the libraries, and how they are bundled. */
const ALSO_READ = ["pnpm-lock.yaml", "tools/start/bundle-programs.mjs"];
/** A constant in each file: the folder of the bundles. */
const HERE = "__programs";
const BANNER = `const ${HERE} = import.meta.dirname;`;

/**
 * Does nothing if the bundles are newer than their inputs.
 *
 * @param {string} root
 * @param {readonly string[]} names all programs by default
 */
export async function bundlePrograms(root, names = programNames(root)) {
  if (areBundlesFresh(root)) return;
  const { rolldown } = await import("rolldown");
  const folder = bundleFolder(root);
  rmSync(folder, { recursive: true, force: true });
  const build = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, compiledProgram(root, name)])),
    platform: "node",
    // Imports of Nest's optional libraries stay even if one is not installed. They fail only when Nest tries them.
    logLevel: "silent",
    plugins: [places(folder), native(folder), validators(), sourceMaps(root)],
  });
  const { output } = await build.write({
    dir: folder,
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
    banner: BANNER,
    sourcemap: true,
    // Node keeps the source text of loaded modules in memory, so comments are removed, and the output is ASCII, which
    // needs only one byte per character.
    comments: { legal: true, annotation: false, jsdoc: false },
    minify: {
      compress: false,
      mangle: false,
      codegen: { asciiOnly: true, removeWhitespace: false, legalComments: "inline" },
    },
  });
  await build.close();
  const modules = output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
  const own = modules.filter((module) => !module.includes("/node_modules/") && existsSync(module));
  const inputs = [...new Set(own)].map((module) => relative(root, module)).sort();
  writeFileSync(inputsFile(root), JSON.stringify([...ALSO_READ, ...inputs]));
}

/**
 * Lets modules find files relative to their original location (a policy, SQL, the code of a thread).
 *
 * @param {string} folder
 * @returns {import("rolldown").Plugin}
 */
function places(folder) {
  return {
    name: "places",
    transform: {
      filter: { code: /import\.meta\.|__dirname|__filename/ },
      handler: (code, id) => {
        if (!id.includes("/node_modules/") && code.includes("import.meta.resolve")) {
          throw new Error(
            `${id}: import.meta.resolve would resolve relative to the bundle; use createRequire(import.meta.url).`,
          );
        }
        const [file, parent] = [id, dirname(id)].map((path) => JSON.stringify(`/${relative(folder, path)}`));
        const moved = code
          .replaceAll("import.meta.url", `new URL(${JSON.stringify(relative(folder, id))}, import.meta.url).href`)
          .replaceAll("import.meta.dirname", `(${HERE} + ${parent})`);
        // An ECMAScript module defines `__dirname` and `__filename` itself if it needs them.
        if (/\b(const|let|var)\s+(__dirname|__filename)\b/.test(code)) return moved;
        return moved
          .replaceAll(/\b__dirname\b/g, `(${HERE} + ${parent})`)
          .replaceAll(/\b__filename\b/g, `(${HERE} + ${file})`);
      },
    },
  };
}

/**
 * @param {string} folder
 * @returns {import("rolldown").Plugin}
 */
function native(folder) {
  return {
    name: "native",
    async resolveId(source, importer) {
      if (importer === undefined || !NATIVE.includes(source)) return null;
      const found = await this.resolve(source, importer, { skipSelf: true });
      if (found === null) return null;
      // Resolved through the importing package's link, whose name contains no version.
      const link = linkTo(source, importer);
      return { id: relative(folder, join(link, relative(realpathSync(link), found.id))), external: true };
    },
  };
}

/**
 * Compiles the Kafka client's validators of options when they are first used. It compiles all of them when it is loaded, which
 * took half of the CPU time of loading it, and a service uses only some.
 *
 * @returns {import("rolldown").Plugin}
 */
function validators() {
  const lazily = `function lazily(schema) {
  let compiled;
  function validate(options) {
    compiled ??= ajv.compile(schema);
    const isValid = compiled(options);
    validate.errors = compiled.errors;
    return isValid;
  }
  return validate;
}`;
  return {
    name: "validators",
    transform: {
      filter: { id: /@platformatic\/kafka\/dist\/clients\/\w+\/options\.js$/, code: /= ajv\.compile\(/ },
      handler: (code) => `${code.replaceAll("= ajv.compile(", "= lazily(")}\n${lazily}`,
    },
  };
}

/**
 * @param {string} source
 * @param {string} importer
 */
function linkTo(source, importer) {
  for (let at = dirname(importer); at !== dirname(at); at = dirname(at)) {
    const link = join(at, "node_modules", source);
    if (existsSync(link)) return link;
  }
  throw new Error(`${source} is not installed for ${importer}.`);
}

/**
 * Errors show lines of our own sources. Libraries get no source maps, because Node reads all of them at each start.
 *
 * @param {string} root
 * @returns {import("rolldown").Plugin}
 */
function sourceMaps(root) {
  return {
    name: "source-maps",
    async load(id) {
      if (!id.startsWith(root)) return null;
      const isLibrary = id.includes("/node_modules/");
      if (!isLibrary && !existsSync(`${id}.map`)) return null;
      return {
        code: await readFile(id, "utf8"),
        map: isLibrary ? { mappings: "" } : await readFile(`${id}.map`, "utf8"),
      };
    },
  };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  await bundlePrograms(ROOT, names.length === 0 ? undefined : names);
}
