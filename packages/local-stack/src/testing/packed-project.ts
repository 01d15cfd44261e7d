import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runCommand } from "../processes/run-command.js";
import { makeTestDirectory } from "./directory.js";

/** This file is compiled to packages/local-stack/dist. */
const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const PACK_MS_MAX = 120_000;
const INSTALL_MS_MAX = 240_000;
const RUN_MS_MAX = 180_000;

/** Timeout of `PackedProject.install`, even on a machine that is running other tests. */
export const PACKED_PROJECT_MS_MAX = PACK_MS_MAX + INSTALL_MS_MAX;

const SETTINGS = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    strict: true,
    noEmit: true,
    // Checks the packages' own types together with their dependencies' types.
    skipLibCheck: false,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules", "@types")],
  },
};

/**
 * A project outside this repository, for tests: `npx tripline pack` packs the published packages, and plain npm
 * installs the tarballs.
 */
export class PackedProject {
  private constructor(private readonly folder: string) {}

  /**
   * @param names our packages to install
   * @param more further packages to install, in npm's format, for example `ioredis@6.0.0`
   */
  static async install(names: readonly string[], more: readonly string[] = []): Promise<PackedProject> {
    const folder = makeTestDirectory();
    const tarballs = join(folder, "tarballs");
    const pack = ["tools/pack/pack.mjs", "--skip-build", "--to", tarballs];
    await runCommand({
      command: process.execPath,
      args: pack,
      purpose: "pack the packages",
      logFile: join(folder, "pack.log"),
      timeoutMs: PACK_MS_MAX,
      cwd: ROOT,
    });
    const files = names.map((name) => tarballOf(name, tarballs));
    const project = new PackedProject(join(folder, "project"));
    mkdirSync(project.folder);
    project.write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
    project.write("tsconfig.json", JSON.stringify(SETTINGS));
    await runCommand({
      command: "npm",
      args: ["install", "--prefer-offline", "--no-audit", "--no-fund", ...files, ...more],
      purpose: "install the tarballs with npm",
      logFile: join(folder, "install.log"),
      timeoutMs: INSTALL_MS_MAX,
      cwd: project.folder,
    });
    return project;
  }

  write(file: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, file), content);
  }

  /** Type-checks a program, runs it, and returns its output. */
  async run(source: string): Promise<string> {
    this.write("program.ts", source);
    await this.execute(join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json");
    return this.execute("program.ts");
  }

  remove(): void {
    rmSync(join(this.folder, ".."), { recursive: true, force: true });
  }

  private async execute(...args: string[]): Promise<string> {
    const run = promisify(execFile)(process.execPath, args, { cwd: this.folder, timeout: RUN_MS_MAX });
    const { stdout } = await run.catch((error: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(`${args.join(" ")} failed: ${error.stdout ?? ""}${error.stderr ?? error.message}`);
    });
    return stdout;
  }
}

/** `@tripline/tree-shap` is packed as `tripline-tree-shap-<version>.tgz`. */
function tarballOf(name: string, folder: string): string {
  const prefix = `${name.replace("@", "").replace("/", "-")}-`;
  const file = readdirSync(folder).find((found) => found.startsWith(prefix) && /^\d/.test(found.slice(prefix.length)));
  if (file === undefined) throw new Error(`\`npx tripline pack\` packed no ${name}.`);
  return join(folder, file);
}

/** The TypeScript code blocks of a README. */
export function codeBlocks(markdown: string): readonly string[] {
  return Array.from(markdown.matchAll(/^```ts\n(.*?)^```$/gms), ([, block = ""]) => block);
}
