import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownCsv } from "@tripline/backfill/testing/own-payments";
import { ROOT } from "@tripline/system/services/workspace";
import { readCommands } from "./read-commands.js";
import { readMarkdown } from "./read-markdown.js";

const PAGE = "docs/your-data.md";
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** The words of a command on the page, without `npx tripline` or `npm run`. */
export type PageCommand = readonly string[];

/**
 * Follows the page "your data in an hour" in a separate folder, with a generated file of payments that has a different
 * schema.
 */
export class FollowedPage {
  readonly #text = readFileSync(join(ROOT, PAGE), "utf8");
  readonly #key = randomBytes(32).toString("base64");

  constructor(private readonly folder: string) {
    mkdirSync(join(folder, "my-data"));
    writeFileSync(join(folder, "my-data", "payments.csv"), ownCsv({ days: 50, perDay: 160 }));
  }

  /** The page's commands in order. */
  get commands(): PageCommand[] {
    return readCommands(PAGE, this.#text).flatMap(({ words: [program, verb, ...words], isWhole }) => {
      if (!isWhole) return [];
      if (program === "npx" && verb === "tripline") return [words];
      return program === "npm" && verb === "run" ? [words.filter((word) => word !== "--")] : [];
    });
  }

  /** Replaces the proposed mapping with the page's mapping. */
  correctMapping(): void {
    const shown = readMarkdown(this.#text).find((node) => node.type === "code" && node.lang === "yaml");
    writeFileSync(join(this.folder, "my-data", "mapping.yaml"), shown?.type === "code" ? shown.value : "");
  }

  /**
   * Runs one of the page's commands in the folder.
   *
   * @returns its standard output
   * @throws Error with its output if it fails
   */
  async run(words: PageCommand): Promise<string> {
    const child = spawn(process.execPath, [join(ROOT, "apps/cli/dist/main.js"), ...words], {
      cwd: this.folder,
      env: { ...process.env, CARD_TOKEN_KEY: this.#key },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      output = (output + data.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    });
    child.stderr.on("data", (data: Buffer) => {
      errors = (errors + data.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`tripline ${words.join(" ")} failed:\n${errors}${output}`);
    return output;
  }
}
