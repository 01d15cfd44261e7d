import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { makeOwnFolder, removeAbandoned } from "./own-folder.js";

test("removes only folders of processes that are no longer running", async () => {
  const parent = await mkdtemp(join(tmpdir(), "tripline-own-"));
  try {
    const dead = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim();
    // In a container, the next process gets the same pid.
    const reused = `scratch-${process.pid}-1-abcdef`;
    for (const name of [`scratch-${dead}-1-abcdef`, reused, `other-${dead}-1-abcdef`, "scratch-unnamed"]) {
      await mkdir(join(parent, name));
    }
    const own = await makeOwnFolder(parent, "scratch");
    const left = [`other-${dead}-1-abcdef`, basename(own), "scratch-unnamed"].sort();
    expect((await readdir(parent)).sort()).toEqual(process.platform === "linux" ? left : [...left, reused].sort());
    await removeAbandoned(parent, "scratch");
    expect(await readdir(parent)).toContain(basename(own));
  } finally {
    await rm(parent, { recursive: true });
  }
});
