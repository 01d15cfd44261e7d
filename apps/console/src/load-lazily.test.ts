import { execFile } from "node:child_process";
import { promisify } from "node:util";

const RUN_MS_MAX = 60_000;
/** Each takes tens of megabytes or tenths of a second, and most consoles never need all of them. */
const LATER = "pdfmake|file-type|@aws-sdk/client-|openai|@google/genai|@google-cloud|@azure/";

const START = `
import { registerHooks } from "node:module";
registerHooks({
  resolve(specifier, context, next) {
    if (new RegExp("^(${LATER})").test(specifier)) process.stdout.write(specifier + "\\n");
    return next(specifier, context);
  },
});
await import(process.argv[1]);
`;

test("libraries for reports, file types, language models and object stores are loaded on demand", async () => {
  const program = new URL("start-console.js", import.meta.url).href;
  const run = (code: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code, program], { timeout: RUN_MS_MAX });
  await expect(run(START)).resolves.toMatchObject({ stdout: "" });
  // The hooks record which modules are loaded.
  await expect(
    run(`${START}await import("${import.meta.dirname}/cases/narrative/write-by-azure.js");`),
  ).resolves.toMatchObject({
    stdout: expect.stringContaining("openai\n"),
  });
});
