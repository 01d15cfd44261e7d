/** Keys of the table `auth-events`. */
export const clientKey = (clientId: string): string => `client/${clientId}`;
export const personKey = (personId: string): string => `person/${personId}`;
