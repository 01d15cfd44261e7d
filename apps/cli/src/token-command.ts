import { Command, Option } from "commander";
import { tokensFrom } from "./connect-system.js";

/** `tripline token`: for a first request by hand. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("print an access token for the client that CLIENT_ID and CLIENT_SECRET name")
    .addOption(
      new Option("--token-url <url>", "where auth gives tokens, for instance http://localhost:7401/oauth/token")
        .env("TOKEN_URL")
        .makeOptionMandatory(),
    )
    .action(async ({ tokenUrl }: { readonly tokenUrl: string }) => {
      const header = await tokensFrom(process.env, tokenUrl).authorization();
      process.stdout.write(`${header.replace(/^Bearer /, "")}\n`);
    });
}
