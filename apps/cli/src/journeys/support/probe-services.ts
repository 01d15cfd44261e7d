import type { ServiceAddresses } from "@tripline/system/services/run-system";

/** One request to each service that verifies tokens. Only acceptance of the token matters, not the response itself. */
const CALLS: Readonly<Record<keyof ServiceAddresses, readonly ["GET" | "POST", string]>> = {
  ingestion: ["POST", "/v1/transactions"],
  features: ["POST", "/get-online-features"],
  control: ["GET", "/v1/lists"],
  auth: ["GET", "/v1/people"],
};

/** @returns the names of the services that reject the token itself, not just the request */
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

/** Number of services that `refusingServices` calls. */
export const PROBED_SERVICES = Object.keys(CALLS).length;
