import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepBytecode } from "./provision-python.js";

test("keeps Python's bytecode in its environment, not next to the sources", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-bytecode-"));
  try {
    const sources = join(folder, "sources");
    mkdirSync(sources);
    writeFileSync(join(sources, "imported.py"), "ANSWER = 42\n");
    const environment = join(folder, "venv");
    const said = execFileSync("python3", ["-c", "import imported; print(imported.ANSWER)"], {
      env: { PATH: process.env.PATH, PYTHONPATH: sources, ...keepBytecode(join(environment, "bin", "python")) },
      encoding: "utf8",
    });
    expect(said).toBe("42\n");
    expect(existsSync(join(sources, "__pycache__"))).toBe(false);
    expect(globSync("bytecode/**/imported.*.pyc", { cwd: environment })).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
