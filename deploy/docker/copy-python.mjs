// Copies Python code without what a container never reads, each file with the same time stamp.
//   node copy-python.mjs <from> <to> <folder above, that gets its time set, too>
import { cpSync } from "node:fs";
import { basename } from "node:path";
import { setTimes } from "./set-times.mjs";

/** Tests, type stubs, caches, and what is for working on the code: the linter and the test runner. */
const UNREAD =
  /^(tests|test|__pycache__|\.lock|ruff|ruff-.*\.dist-info|pytest|_pytest|pytest-.*\.dist-info|drift_tests|models_tests|deep_tests|keras_tests|spark|.*\.pyi|.*\.pyc)$/;

const [from = "", to = "", top = ""] = process.argv.slice(2);
cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (source) => !UNREAD.test(basename(source)) });
setTimes(top);
