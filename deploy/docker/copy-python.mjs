// Copies Python code without the files that a container never reads, and sets the same timestamp on every file.
//   node copy-python.mjs <from> <to> <parent folder, whose timestamp is also set>
import { cpSync } from "node:fs";
import { basename } from "node:path";
import { setTimes } from "./set-times.mjs";

/**
 * Tests, type stubs, caches, development tools (linter and test runner), and ONNX Runtime's C library, which its Python
 * module does not load because it already contains the library.
 */
const UNREAD =
  /^(tests|test|__pycache__|\.lock|ruff|ruff-.*\.dist-info|pytest|_pytest|pytest-.*\.dist-info|spark|libonnxruntime\.so\..*|.*\.pyi|.*\.pyc)$/;

const [from = "", to = "", top = ""] = process.argv.slice(2);
cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (source) => !UNREAD.test(basename(source)) });
setTimes(top);
