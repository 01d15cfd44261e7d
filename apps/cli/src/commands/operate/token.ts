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

/** `tripline token`: prints a token for a first manual request. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("print an access token for the client in CLIENT_ID and CLIENT_SECRET, or for the local demo")
    .option("--api <url>", "the ingestion API that the token is for (default: the one on this machine)")
    .addOption(
      new Option("--token-url <url>", "auth's token endpoint (default: from the API's description)").env("TOKEN_URL"),
    )
    .option(
      "--workspace <name>",
      "folder below .tripline with the secrets of the system on this machine",
      DEMO_WORKSPACE,
    )
    .action(async (flags: TokenFlags) => {
      const header = await (await tokensOf(flags)).authorization();
      process.stdout.write(`${header.replace(/^Bearer /, "")}\n`);
    });
}

/**
 * Uses the credentials in the environment or, if there are none, those of the demo client of a system that was started
 * from this repository.
 */
async function tokensOf({ api, tokenUrl, workspace }: TokenFlags): Promise<AccessTokens> {
  const apiUrl = (api ?? localAddresses(workspace).ingestion).replace(/\/$/, "");
  for (const address of [apiUrl, tokenUrl ?? apiUrl]) trustAuthorityAt(address);
  const isNamed = process.env.CLIENT_ID !== undefined || process.env.CLIENT_SECRET !== undefined;
  if (tokenUrl !== undefined) return tokensFrom(process.env, tokenUrl);
  const url = await readTokenUrl(apiUrl, {
    silent: "start a system with `npm run demo`, or set --api to the URL of a running one",
    foreign: "set --api to the URL of ingestion",
  });
  if (url === undefined) throw new Error(`${apiUrl} does not name a token endpoint. Specify --token-url.`);
  if (isNamed) return tokensFrom(process.env, url);
  const clientSecret = await localSecret(apiUrl, workspace);
  if (clientSecret === undefined) {
    throw new Error(`No credentials for ${apiUrl}. Set CLIENT_ID and CLIENT_SECRET.`);
  }
  return new AccessTokens({ tokenUrl: url, clientId: DEMO_CLIENT_ID, clientSecret, scope: DEMO_SCOPES });
}
