import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, sep } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

/** Generous, because a command may compile everything, and the cores may be busy. */
const COMMAND_MS_MAX = 900_000;
const LIST_BYTES_MAX = 64 * 1024 * 1024;

/** Folders with build output, caches and installed packages. */
const MADE = new Set(["node_modules", "dist", ".turbo", ".tripline", "__pycache__", ".pytest_cache"]);

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** A copy of this repository that may be changed. It contains the original's compiler output and installed packages. */
export class RepositoryCopy {
  private constructor(readonly folder: string) {}

  /** @throws Error if git cannot list the files */
  static make(): RepositoryCopy {
    const copy = new RepositoryCopy(mkdtempSync(join(tmpdir(), "tripline-copy-")));
    const folders = [...packageFolders(), "apps/console/web", "load-tests"];
    const compiled = folders.map((folder) => join(folder, "dist"));
    for (const path of [...filesOf(ROOT), ...compiled]) {
      if (!existsSync(join(ROOT, path))) continue;
      // The compiler trusts its output only if the output is newer than the sources.
      cpSync(join(ROOT, path), copy.at(path), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    }
    for (const folder of ["", "tools", ...folders]) copy.#link(join(folder, "node_modules"));
    return copy;
  }

  at(path: string): string {
    return join(this.folder, path);
  }

  read(path: string): string {
    return readFileSync(this.at(path), "utf8");
  }

  write(path: string, text: string): void {
    writeFileSync(this.at(path), text);
  }

  makeFolder(path: string): void {
    mkdirSync(this.at(path), { recursive: true });
  }

  /** Runs Node (`process.execPath`) or an installed program in the copy, or in a folder of it. */
  run(program: string, args: readonly string[], folder = ""): Ran {
    const bin = join(ROOT, "node_modules", ".bin");
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      cwd: this.at(folder),
      encoding: "utf8",
      timeout: COMMAND_MS_MAX,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NODE_OPTIONS: "" },
    });
    return { status, output: `${stdout}${stderr}${error?.message ?? ""}` };
  }

  /** New and changed files, except those in folders of build output, caches and installed packages. */
  changedFiles(): string[] {
    return this.#filesIn("")
      .filter((path) => !existsSync(join(ROOT, path)) || this.read(path) !== readFileSync(join(ROOT, path), "utf8"))
      .sort();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Does not follow links. */
  #filesIn(folder: string): string[] {
    return readdirSync(this.at(folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return MADE.has(entry.name) ? [] : this.#filesIn(path);
      return entry.isFile() ? [path] : [];
    });
  }

  /** Links the installed packages of a folder. Links to this repository's packages point to the copy instead. */
  #link(folder: string): void {
    for (const name of namesIn(join(ROOT, folder))) {
      const installed = realpathSync(join(ROOT, folder, name));
      const inside = relative(ROOT, installed);
      const isOurs = !inside.startsWith("..") && !inside.split(sep).includes("node_modules");
      mkdirSync(dirname(this.at(join(folder, name))), { recursive: true });
      symlinkSync(isOurs ? this.at(inside) : installed, this.at(join(folder, name)));
    }
  }
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

/**
 * A tsconfig.json for all sources as one program, which takes a fraction of the time of a build and writes no output.
 */
export function wholeProgram(root: string): object {
  const folders = packageFolders();
  const paths = [...folders, "apps/console/web"].flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
    return Object.entries(exports).flatMap(([path, target]) => {
      const [, file] = /^\.\/dist\/(.+)\.js$/.exec(typeof target === "string" ? target : target.default) ?? [];
      return file === undefined ? [] : [[name + path.slice(1), [`./${folder}/src/${file}.ts`]]];
    });
  });
  return {
    extends: "./tsconfig.base.json",
    compilerOptions: { noEmit: true, composite: false, declaration: false, paths: Object.fromEntries(paths) },
    include: folders.map((folder) => `${folder}/src`),
    // The scoring service does not use payments, and one of its tests does not compile with the DOM types that other
    // packages add.
    exclude: ["**/*.tsx", "apps/console/web", "apps/scoring/src/**/*.test.ts"],
  };
}

/** Folders of the packages with sources for Node. */
function packageFolders(): string[] {
  const folders = ["apps", "packages"].flatMap((part) => readdirSync(join(ROOT, part)).map((name) => join(part, name)));
  return folders.filter((folder) => existsSync(join(ROOT, folder, "tsconfig.json")));
}

function filesOf(root: string): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const list = execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: LIST_BYTES_MAX });
  return list.split("\0").filter((file) => file !== "");
}

/** Names of installed packages, with their scopes. */
function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => !name.startsWith(".") || name === ".bin");
  return names.flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(folder, name)).map((own) => join(name, own)) : [name],
  );
}
