export const ENDPOINTS = "/v1/webhooks/endpoints";
export const ENDPOINT_ARGUMENT = ["<endpoint>", "the ID of an endpoint, from `webhooks list`"] as const;

export const pathOf = (id: string): string => `${ENDPOINTS}/${encodeURIComponent(id)}`;
