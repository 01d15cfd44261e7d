import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backfillCommand } from "./backfill.js";

test("regression #12: rejects a card-token key of 8 bytes, and states the required length", async () => {
  const command = backfillCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const key = randomBytes(8).toString("base64");
  const flags = ["--handbook", "nowhere", "--output", "nowhere.parquet", "--card-token-key", key];
  await expect(command.parseAsync(flags, { from: "user" })).rejects.toThrow(
    /It has 8 bytes, but must have at least 32 random bytes in base64/,
  );
});

test("regression #24: lists the unused input columns and the used ones", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-backfill-"));
  const said: string[] = [];
  const [out, error] = [process.stdout.write, process.stderr.write];
  process.stdout.write = () => true;
  process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  try {
    const head =
      "client_transaction_id,card_token,terminal_id,amount_minor,currency,occurred_at_ms,fraud,labelled_at_ms";
    const input = join(folder, "payments.csv");
    writeFileSync(input, `${head},colour,shoe_size\np1,ct_1,t-1,1999,EUR,1780000000000,,,red,42\n`);
    const flags = ["--input", input, "--output", join(folder, "out.parquet")];
    await backfillCommand().parseAsync(flags, { from: "user" });
    expect(said.join("")).toMatch(/^ignored columns: colour, shoe_size\. Known columns: .*\bip_country\b/m);
  } finally {
    process.stdout.write = out;
    process.stderr.write = error;
    rmSync(folder, { recursive: true, force: true });
  }
});
