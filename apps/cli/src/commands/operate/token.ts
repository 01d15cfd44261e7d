import { AccessTokens } from "@tripline/client/access-tokens";
import { tokensFrom } from "@tripline/system/client/connect-system";
import { localAddresses, localSecret, readTokenUrl } from "@tripline/system/client/find-access";
import { DEMO_WORKSPACE, trustAuthorityAt } from "@tripline/system/services/local-system";
import { DEMO_CLIENT_ID, DEMO_SCOPES } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";

export interface TokenFlags {
  readonly api?: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
}

/** `tripline token`: prints a token for a first manual request. */
export function tokenCommand(): Command {
  const command = new Command("token").description(
    "print an access token for the client in CLIENT_ID and CLIENT_SECRET, or for the local demo",
  );
  return ingestionOptions(command).action(async (flags: TokenFlags) => {
    const header = await (await openIngestion(flags)).tokens.authorization();
    process.stdout.write(`${header.replace(/^Bearer /, "")}\n`);
  });
}

/** Adds the options of a command for the ingestion API. */
export function ingestionOptions(command: Command): Command {
  return command
    .option("--api <url>", "the ingestion API (default: the one on this machine)")
    .addOption(
      new Option("--token-url <url>", "auth's token endpoint (default: from the API's description)").env("TOKEN_URL"),
    )
    .option(
      "--workspace <name>",
      "folder below .tripline with the secrets of the system on this machine",
      DEMO_WORKSPACE,
    );
}

/**
 * Uses the credentials in the environment or, if there are none, those of the demo client of a system that was started
 * from this repository.
 */
export async function openIngestion(
  flags: TokenFlags,
): Promise<{ readonly url: string; readonly tokens: AccessTokens }> {
  const { api, tokenUrl, workspace } = flags;
  const url = (api ?? localAddresses(workspace).ingestion).replace(/\/$/, "");
  for (const address of [url, tokenUrl ?? url]) trustAuthorityAt(address);
  return { url, tokens: await tokensFor(url, tokenUrl, workspace) };
}

async function tokensFor(apiUrl: string, tokenUrl: string | undefined, workspace: string): Promise<AccessTokens> {
  const isNamed = process.env.CLIENT_ID !== undefined || process.env.CLIENT_SECRET !== undefined;
  if (tokenUrl !== undefined) return tokensFrom(process.env, tokenUrl);
  const url = await readTokenUrl(apiUrl, {
    silent: "start a system with `npm run demo`, or set --api to the URL of a running one",
    foreign: "set --api to the URL of ingestion",
  });
  if (url === undefined)
    throw new Error(`The API description of ${apiUrl} does not contain a token endpoint. Specify --token-url.`);
  if (isNamed) return tokensFrom(process.env, url);
  const clientSecret = await localSecret(apiUrl, workspace);
  if (clientSecret === undefined) {
    throw new Error(`No credentials for ${apiUrl}. Set CLIENT_ID and CLIENT_SECRET.`);
  }
  return new AccessTokens({ tokenUrl: url, clientId: DEMO_CLIENT_ID, clientSecret, scope: DEMO_SCOPES });
}
