import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPorts } from "@tripline/system/ports.mjs";
import { ROOT } from "@tripline/system/services/workspace";
import { firstRequest } from "./show-first-request.js";

test("the README shows the request that the demo prints", () => {
  const apiUrl = `http://127.0.0.1:${readPorts({}).ingestion}`;
  expect(readFileSync(join(ROOT, "README.md"), "utf8")).toContain(`\`\`\`sh\n${firstRequest(apiUrl, "demo")}\n\`\`\``);
});

test("includes the address and workspace of a system that does not use the defaults", () => {
  const [token] = firstRequest("http://127.0.0.1:8400", "load").split("\n");
  expect(token).toBe("TOKEN=$(npm run -s tripline -- token --api http://127.0.0.1:8400 --workspace load)");
});
