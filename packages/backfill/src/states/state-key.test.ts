import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireStateKey, writeStateKey } from "./state-key.js";

test("rejects states whose tokens were created with a different key, and reports both fingerprints", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-state-key-"));
  try {
    const path = join(folder, "states.bin");
    await expect(requireStateKey(path, Buffer.alloc(32, 1))).resolves.toBeUndefined();
    await writeStateKey(path, Buffer.alloc(32, 1));
    await expect(requireStateKey(path, Buffer.alloc(32, 1))).resolves.toBeUndefined();
    await expect(requireStateKey(path, Buffer.alloc(32, 2))).rejects.toThrow(
      /tokens made with another key \(fingerprint [0-9a-f]{16}\) than this installation's \([0-9a-f]{16}\)/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
