import { spawn } from "node:child_process";
import { once } from "node:events";
import type { FSWatcher } from "node:fs";
import { readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./workspace.js";

/** Changes within this time count as one: an editor may write a file several times, and a checkout changes many files. */
const QUIET_MS = 200;

/**
 * Compiles after every source change, one compilation at a time.
 *
 * @param onCompiled receives the changed folders (`apps/features`, `packages/kafka`) after a successful compilation
 * @returns a function that ends the watch
 */
export function watchSources(onCompiled: (folders: ReadonlySet<string>) => void): () => void {
  let changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let compiling = false;

  async function compile(): Promise<void> {
    if (compiling || changed.size === 0) return;
    compiling = true;
    const folders = changed;
    changed = new Set();
    const compiler = spawn(join(ROOT, "node_modules", ".bin", "tsc"), ["-b"], { cwd: ROOT, stdio: "inherit" });
    const [code] = await once(compiler, "exit");
    compiling = false;
    const changedMeanwhile = changed.size > 0;
    if (code === 0) onCompiled(folders);
    // Folders that failed to compile count as changed until compilation succeeds.
    else for (const folder of folders) changed.add(folder);
    if (changedMeanwhile) void compile();
  }

  const watchers: FSWatcher[] = workspaceFolders().map((folder) =>
    watch(join(ROOT, folder, "src"), { recursive: true }, () => {
      changed.add(folder);
      clearTimeout(timer);
      timer = setTimeout(() => void compile(), QUIET_MS);
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

function workspaceFolders(): string[] {
  return ["apps", "packages"].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`));
}
