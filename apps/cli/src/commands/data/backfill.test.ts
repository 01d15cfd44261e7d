import { randomBytes } from "node:crypto";
import { backfillCommand } from "./backfill.js";

test("regression #12: a card-token key of 8 bytes is refused with the length that is wanted", async () => {
  const command = backfillCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const key = randomBytes(8).toString("base64");
  const flags = ["--handbook", "nowhere", "--output", "nowhere.parquet", "--card-token-key", key];
  await expect(command.parseAsync(flags, { from: "user" })).rejects.toThrow(
    /has 8 bytes; must be at least 32 random bytes in base64/,
  );
});
