import { fetchEntraToken } from "@tripline/cloud-identity/entra-token";
import { identityVariables } from "@tripline/cloud-identity/identity-variables";
import { renewing } from "@tripline/cloud-identity/renew-token";
import { AzureOpenAI } from "openai";
import { z } from "zod";
import type { ModelPlace, NarrativeModel } from "./narrative-model.js";
import { ANSWER_TOKENS_MAX } from "./narrative-model.js";

const API_VERSION = "2024-10-21";
const RESOURCE = "https://cognitiveservices.azure.com";

/** Azure OpenAI, with a key or, if there is none, with the workload's identity. */
export function openAzure({ model, endpoint, apiKey, waitMs }: ModelPlace): NarrativeModel {
  const client = new AzureOpenAI({
    endpoint,
    apiVersion: API_VERSION,
    deployment: model,
    ...(apiKey === undefined ? { azureADTokenProvider: entraTokens() } : { apiKey }),
    maxRetries: 0,
    timeout: waitMs,
  });
  return {
    name: model,
    async write({ task, facts }, signal) {
      const asked = {
        model,
        messages: [
          { role: "system" as const, content: task },
          { role: "user" as const, content: facts },
        ],
        max_completion_tokens: ANSWER_TOKENS_MAX,
      };
      const { choices } = await client.chat.completions.create(asked, { signal });
      return choices[0]?.message.content ?? "";
    },
  };
}

function entraTokens(): () => Promise<string> {
  // biome-ignore lint/style/noProcessEnv: the cluster gives a pod its identity under names of its own
  const variables = z.object(identityVariables).parse(process.env);
  const tokens = renewing(() => fetchEntraToken(variables, RESOURCE));
  return async () => (await tokens()).value.text;
}
