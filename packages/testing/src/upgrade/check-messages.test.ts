import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import { checkMessages } from "./check-messages.js";

const MESSAGES = "packages/contracts/proto/tripline/events/v1/events.proto";

test("regression #28: fails if this build cannot read the messages of the other build", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-messages-"));
  try {
    for (const path of ["packages/contracts/proto", "packages/contracts/buf.yaml"]) {
      cpSync(join(ROOT, path), join(folder, path), { recursive: true });
    }
    expect(() => checkMessages(folder)).not.toThrow();
    const before = readFileSync(join(folder, MESSAGES), "utf8");
    const removed = before.replace(
      "message PersonalFields {\n",
      "message PersonalFields {\n  string maiden_name = 500;\n",
    );
    expect(removed).not.toBe(before);
    writeFileSync(join(folder, MESSAGES), removed);
    expect(() => checkMessages(folder)).toThrow(
      '"500" with name "maiden_name" on message "PersonalFields" was deleted',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
