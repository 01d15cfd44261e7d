import { join } from "node:path";
import { AccessTokens } from "@tripline/client/access-tokens";
import { ControlClient } from "@tripline/system/client/control-client";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { readPorts } from "@tripline/system/ports.mjs";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import type { Browser } from "playwright-core";
import type { ConsoleStage } from "./console-stage.js";

/** Connects to the system on this machine's ports. @param workspace its folder below `.tripline` */
export function connectStage(
  workspace: string,
  registryUrl: string,
  browser: Browser,
  print: (text: string) => void,
): ConsoleStage {
  const secrets = demoSecrets(workspaceIn(join(STATE_DIRECTORY, workspace)).secrets);
  const ports = readPorts();
  const at = (port: number): string => `http://127.0.0.1:${port}`;
  const tokensFor = (clientId: string, clientSecret: string): AccessTokens =>
    new AccessTokens({ tokenUrl: `${at(ports.auth)}/oauth/token`, clientId, clientSecret });
  const operator = tokensFor(OPERATOR_CLIENT_ID, secrets.operatorSecret);
  return {
    consoleUrl: at(ports.console),
    authUrl: at(ports.auth),
    passwords: { demo: secrets.demoPassword, lead: secrets.leadPassword },
    client: new TriplineClient(at(ports.ingestion), tokensFor(DEMO_CLIENT_ID, secrets.clientSecret)),
    auth: new ControlClient(at(ports.auth), operator),
    rollouts: new RolloutClient(new ControlClient(at(ports.control), operator)),
    registryUrl,
    browser,
    print,
  };
}
