// Assembles the content of an image in three folders, which become three layers:
//   out/dependencies  libraries, which change with the lockfile
//   out/app           one bundled app, and the compiled code of the app and its packages, because threads and data
//                     files are loaded from there; changes with every commit
//   out/data          empty folders to which the program may write
// The layout is that of the repository, so that paths relative to a source file remain valid. `files` in a package's
// package.json lists the files that are needed in addition to `dist`.
//   node assemble-app.mjs --app <name> --build <folder> --dependencies <folder> --out <folder>
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { setTimes } from "./set-times.mjs";

const SCOPE = "@tripline/";
const GROUPS = ["packages", "apps"];
/** Volumes of compose.yaml and of the chart. A volume that is mounted on such a folder gets the folder's owner. */
const VOLUMES = ["anchors", "attachments", "lake", "registry", "secrets", "snapshots", "training"];
/** Compiled tests, types and source maps. Code that tests share is in a separate folder. */
const UNREAD = /(\.test\.js|\.d\.ts|\.map|\.tsbuildinfo)$/;
const UNREAD_FOLDERS = ["testing"];
const ACCESS = "infra/access.yaml";
const DATA = "/var/lib/tripline";
/** The bundle of the app. */
const PROGRAMS = "dist/programs";

const { values } = parseArgs({
  options: {
    app: { type: "string", default: "" },
    build: { type: "string", default: "" },
    dependencies: { type: "string", default: "" },
    out: { type: "string", default: "" },
  },
});
const libraries = join(values.out, "dependencies", "app");
const own = join(values.out, "app", "app");
const tools = import.meta.dirname;

cpSync(join(values.dependencies, "node_modules"), join(libraries, "node_modules"), copyOptions());
const folders = [...closureOf(`apps/${values.app}`)];
for (const folder of folders) {
  const links = join(values.dependencies, folder, "node_modules");
  if (existsSync(links)) cpSync(links, join(libraries, folder, "node_modules"), copyOptions());
  for (const peer of Object.keys(manifestOf(folder).peerDependencies ?? {})) linkPeer(folder, peer);
  for (const file of shippedFiles(folder)) {
    cpSync(join(values.build, folder, file), join(own, folder, file), copyOptions());
  }
}
// The access rules, for the command that grants permissions.
if (values.app === "cli") cpSync(join(values.build, ACCESS), join(own, ACCESS));
cpSync(join(values.build, PROGRAMS), join(own, PROGRAMS), copyOptions());
writeFileSync(join(own, "program.mjs"), `import "./${PROGRAMS}/${values.app}.mjs";\n`);
for (const file of ["check-health.mjs", "LICENSE"]) cpSync(join(tools, file), join(own, file));
for (const name of VOLUMES) mkdirSync(join(values.out, "data", DATA, name), { recursive: true });
setTimes(values.out);

/**
 * Links a peer dependency into the package that needs it, because an installation of production dependencies does not
 * contain this link.
 *
 * @param {string} folder
 * @param {string} peer
 */
function linkPeer(folder, peer) {
  const modulesOf = (/** @type {string} */ one) => join(values.dependencies, one, "node_modules", peer);
  const user = folders.find((one) => existsSync(modulesOf(one)));
  if (user === undefined || existsSync(modulesOf(folder))) return;
  const link = join(libraries, folder, "node_modules", peer);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(relative(dirname(link), join(libraries, user, "node_modules", peer)), link);
}

/** @returns {import("node:fs").CopySyncOptions} */
function copyOptions() {
  return { recursive: true, verbatimSymlinks: true, filter: isRead };
}

/** @param {string} source */
function isRead(source) {
  const inDist = source.includes("/dist/") && !source.includes("/node_modules/");
  if (!inDist) return true;
  return !UNREAD.test(basename(source)) && !UNREAD_FOLDERS.includes(basename(source));
}

/**
 * Folders of a workspace package and of the workspace packages that it needs at run time.
 *
 * @param {string} first
 */
function closureOf(first) {
  const folders = new Set([first]);
  for (const folder of folders) {
    for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
      if (name.startsWith(SCOPE)) folders.add(folderOf(name.slice(SCOPE.length)));
    }
  }
  return folders;
}

/** @param {string} name */
function folderOf(name) {
  const group = GROUPS.find((one) => existsSync(join(values.build, one, name, "package.json")));
  if (group === undefined) throw new Error(`${SCOPE}${name} is not in any of these folders: ${GROUPS.join(", ")}.`);
  return join(group, name);
}

/** @param {string} folder */
function manifestOf(folder) {
  return JSON.parse(readFileSync(join(values.build, folder, "package.json"), "utf8"));
}

/** @param {string} folder */
function shippedFiles(folder) {
  /** @type {string[]} */
  const named = manifestOf(folder).files ?? ["dist"];
  return ["package.json", ...named.filter((file) => !file.startsWith("!"))];
}
