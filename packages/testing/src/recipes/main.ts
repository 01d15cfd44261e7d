import { dirname } from "node:path";
import { COMMANDS, RECIPES } from "./recipes.js";
import { RepositoryCopy } from "./repository-copy.js";

/**
 * `npx tripline test recipes`: follows all recipes of CONTRIBUTING.md together on one copy of this checkout, because
 * they are independent. Exits with 1 if a recipe does not have the documented result.
 */
process.exitCode = perform() ? 0 : 1;

function perform(): boolean {
  const copy = RepositoryCopy.make();
  try {
    for (const { edits, files = {} } of RECIPES) {
      for (const [file, edit] of Object.entries(edits)) copy.write(file, edit(copy.read(file)));
      for (const [file, text] of Object.entries(files)) {
        copy.makeFolder(dirname(file));
        copy.write(file, text);
      }
    }
    for (const [shown, program, args] of COMMANDS) {
      const startedMs = performance.now();
      const { status, output } = copy.run(program, args);
      process.stdout.write(`  ${shown}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`);
      if (status === 0) continue;
      process.stderr.write(`${shown} ended with ${status}:\n${output}\n`);
      return false;
    }
    const byHand = new Set(RECIPES.flatMap(({ edits, files = {} }) => Object.keys({ ...edits, ...files })));
    process.stdout.write(`  ${byHand.size} files changed by hand, ${copy.changedFiles().length} in all\n`);
    return RECIPES.map((recipe) => isFine(recipe, copy)).every(Boolean);
  } finally {
    copy.remove();
  }
}

function isFine({ section, check }: (typeof RECIPES)[number], copy: RepositoryCopy): boolean {
  try {
    check(copy);
    process.stdout.write(`✓ ${section}\n`);
    return true;
  } catch (error) {
    process.stdout.write(`✗ ${section}: ${error instanceof Error ? error.message : error}\n`);
    return false;
  }
}
