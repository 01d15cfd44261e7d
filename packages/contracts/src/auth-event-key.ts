/** Record keys of the topic `auth-events`. */
export const clientKey = (clientId: string): string => `client/${clientId}`;
export const personKey = (personId: string): string => `person/${personId}`;
