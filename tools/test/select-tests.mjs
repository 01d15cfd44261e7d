// The tests that the arguments after `npm test --` select.
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/** @param {string} source a file or folder below `src` */
export const compiled = (source) => source.replace(/(^|\/)src(?=\/|$)/, "$1dist").replace(/\.ts$/, ".js");

/** Folders of Python tests, each with its environment. `npm test` runs those that are not large. */
export const PYTHON_TESTS = [
  { folder: "training/tests/core", environment: "training", isLarge: false },
  { folder: "training/tests/models", environment: "models", isLarge: false },
  { folder: "training/feature_repo", environment: "feature-repo", isLarge: false },
  { folder: "training/spark", environment: "spark", isLarge: true },
  { folder: "training/iceberg", environment: "iceberg-tests", isLarge: true },
  { folder: "training/tests/drift", environment: "drift", isLarge: true },
  { folder: "training/tests/deep", environment: "deep", isLarge: true },
  { folder: "training/tests/keras", environment: "keras", isLarge: true },
];

/**
 * Existing files and folders select tests: Python below `training/`, otherwise TypeScript, by source or compiled file. `-t`
 * selects by title in both. All other arguments go to jest unchanged.
 *
 * @param {string[]} words
 * @param {string} root
 * @param {string} folder where the paths start
 * @returns {{ jest: string[] | undefined, python: { environment: string, args: string[] }[] }}
 */
export function selectTests(words, root, folder = root) {
  /** @type {string[]} */
  const jest = [];
  /** @type {{ path: string, environment: string }[]} */
  const python = [];
  let selectsTypeScript = false;
  for (const word of words) {
    const path = relative(root, resolve(folder, word.replace(/::.*$/, "")));
    const suite = PYTHON_TESTS.find((one) => path === one.folder || path.startsWith(`${one.folder}/`));
    if (suite !== undefined && existsSync(join(root, path))) {
      python.push({ path: word.includes("::") ? `${path}${word.slice(word.indexOf("::"))}` : path, ...suite });
    } else if (!word.startsWith("-") && path !== "" && existsSync(join(root, path))) {
      selectsTypeScript = true;
      jest.push(join(root, compiled(path)));
    } else jest.push(word);
  }
  const title = titleOf(words);
  return {
    jest: selectsTypeScript || python.length === 0 ? jest : undefined,
    python: python.map(({ path, environment }) => ({
      environment,
      args: [path, ...(title === undefined ? [] : ["-k", title])],
    })),
  };
}

/** @param {string[]} words */
function titleOf(words) {
  const at = words.findIndex((word) => word === "-t" || word === "--testNamePattern");
  return at === -1 ? undefined : words[at + 1];
}
