// Copies Python code without what a container never reads, each file with the same time stamp.
//   node copy-python.mjs <from> <to> <folder above, that gets its time set, too>
import { cpSync } from "node:fs";
import { basename } from "node:path";
import { setTimes } from "./set-times.mjs";

/**
 * Tests, type stubs, caches, what is for working on the code (linter and test runner), and ONNX Runtime as a
 * library of C, which its Python module does not load: it has all of it inside.
 */
const UNREAD =
  /^(tests|test|__pycache__|\.lock|ruff|ruff-.*\.dist-info|pytest|_pytest|pytest-.*\.dist-info|spark|libonnxruntime\.so\..*|.*\.pyi|.*\.pyc)$/;

const [from = "", to = "", top = ""] = process.argv.slice(2);
cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (source) => !UNREAD.test(basename(source)) });
setTimes(top);
