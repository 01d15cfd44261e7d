import { AccessTokens } from "@tripline/client/access-tokens";
import { tokensFrom } from "@tripline/system/client/connect-system";
import { localAddresses, localSecret, readTokenUrl } from "@tripline/system/client/find-access";
import { DEMO_WORKSPACE, trustAuthorityAt } from "@tripline/system/services/local-system";
import { DEMO_CLIENT_ID, DEMO_SCOPES } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";

interface TokenFlags {
  readonly api?: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
}

/** `tripline token`: for a first request by hand. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("print an access token for the client that CLIENT_ID and CLIENT_SECRET name, or for the local demo's")
    .option("--api <url>", "the front door that the token is for; the one on this machine unless given")
    .addOption(
      new Option("--token-url <url>", "where auth gives tokens; what the API's description says unless given").env(
        "TOKEN_URL",
      ),
    )
    .option(
      "--workspace <name>",
      "folder below .tripline with the secrets of the system that runs here",
      DEMO_WORKSPACE,
    )
    .action(async (flags: TokenFlags) => {
      const header = await (await tokensOf(flags)).authorization();
      process.stdout.write(`${header.replace(/^Bearer /, "")}\n`);
    });
}

/** Of whoever the environment names; otherwise of the demo's client, for a system that was started from this repository. */
async function tokensOf({ api, tokenUrl, workspace }: TokenFlags): Promise<AccessTokens> {
  const apiUrl = (api ?? localAddresses(workspace).ingestion).replace(/\/$/, "");
  for (const address of [apiUrl, tokenUrl ?? apiUrl]) trustAuthorityAt(address);
  const isNamed = process.env.CLIENT_ID !== undefined || process.env.CLIENT_SECRET !== undefined;
  if (tokenUrl !== undefined) return tokensFrom(process.env, tokenUrl);
  const url = await readTokenUrl(apiUrl, {
    silent: "start one with `npm run demo`, or give --api the address of one that runs",
    foreign: "give --api the address of ingestion",
  });
  if (url === undefined) throw new Error(`${apiUrl} does not say where tokens come from: give --token-url.`);
  if (isNamed) return tokensFrom(process.env, url);
  const clientSecret = await localSecret(apiUrl, workspace);
  if (clientSecret === undefined) {
    throw new Error(`There are no credentials for ${apiUrl}: set CLIENT_ID and CLIENT_SECRET.`);
  }
  return new AccessTokens({ tokenUrl: url, clientId: DEMO_CLIENT_ID, clientSecret, scope: DEMO_SCOPES });
}
