const TOKEN = /\b[a-z]t_[0-9a-f]{32}\b/g;
const SHOWN_START = 5;
const SHOWN_END = 4;

/** Shortens the tokens in a text so that they can still be distinguished but no longer looked up. */
export function maskTokens(text: string): string {
  return text.replaceAll(TOKEN, (token) => `${token.slice(0, SHOWN_START)}…${token.slice(-SHOWN_END)}`);
}
