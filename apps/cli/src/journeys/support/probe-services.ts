import type { ServiceAddresses } from "@tripline/system/services/run-system";

/** One call of each service that checks tokens. Which answer it gives does not matter, only whether the token is taken. */
const CALLS: Readonly<Record<keyof ServiceAddresses, readonly ["GET" | "POST", string]>> = {
  ingestion: ["POST", "/v1/transactions"],
  features: ["POST", "/get-online-features"],
  control: ["GET", "/v1/lists"],
  auth: ["GET", "/v1/people"],
};

/** @returns the names of the services that refuse the token itself, not merely what is asked with it */
export async function refusingServices(addresses: ServiceAddresses, authorization: string): Promise<readonly string[]> {
  const answers = await Promise.all(
    Object.entries(CALLS).map(async ([name, [method, path]]) => {
      const body = method === "POST" ? { body: "{}" } : {};
      const headers = { authorization, ...(method === "POST" ? { "content-type": "application/json" } : {}) };
      const response = await fetch(addresses[name as keyof ServiceAddresses] + path, { method, headers, ...body });
      await response.arrayBuffer();
      return { name, status: response.status };
    }),
  );
  return answers.filter(({ status }) => status === 401).map(({ name }) => name);
}

/** How many services `refusingServices` asks. */
export const PROBED_SERVICES = Object.keys(CALLS).length;
