import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

/** Excludes `tls`, which starts two whole systems. */
const PARTS = "token,limit,seal";

test("the last line has all figures with --short", async () => {
  const child = spawn(process.execPath, [MAIN, "security", "--short", "--only", PARTS], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect([await ended, errors]).toEqual([0, expect.anything()]);
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  for (const name of ["jwt_us", "jwt_first_us", "seal_us", "open_us", "limit_us"])
    expect(line).toMatch(new RegExp(`\\b${name}=-?[\\d.]+`));
});
