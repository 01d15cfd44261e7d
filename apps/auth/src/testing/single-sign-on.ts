import type { Answer } from "./browser.js";
import { authorizationRequest, Browser, beginSignIn, codeForm, csrfOf, exchange } from "./browser.js";
import type { CompanyProvider } from "./company-provider.js";

/** The page to which auth sends the browser. */
export const continuesTo = ({ text }: Answer): string =>
  (/http-equiv="refresh" content="0; url=([^"]+)"/.exec(text)?.[1] ?? "").replaceAll("&amp;", "&");

/**
 * Starts a sign-in with the organisation's provider.
 *
 * @param changes to the client's request
 * @returns the page that redirects there, or an error page
 */
export async function leave(browser: Browser, organisation: string, changes: Record<string, string> = {}) {
  const { path, verifier } = authorizationRequest(changes);
  const { uid, page } = await beginSignIn(browser, path);
  const left = await browser.post(`${uid}/single-sign-on`, { csrf: csrfOf(page), organisation });
  return { uid, verifier, left };
}

/** Signs in at the company. @returns the path of auth to which the company redirects the browser */
export async function passCompany(company: CompanyProvider, left: Answer): Promise<string> {
  const there = new Browser(company.url);
  let at = continuesTo(left).replace(company.url, "");
  for (let hop = 0; hop < 4 && !at.startsWith("/single-sign-on/acme/callback"); hop += 1) {
    at = (await there.get(at)).location.replace(company.url, "");
  }
  return at;
}

/** Returns from the company. @returns the response: a redirect or a page */
export async function comeBack(browser: Browser, callback: string): Promise<Answer> {
  const { location } = await browser.get(callback);
  return browser.get(location);
}

/** Signs in with the company. @returns the last response, and the console's tokens if the sign-in succeeded */
export async function singleSignOn(url: string, company: CompanyProvider, organisation = "acme") {
  const browser = new Browser(url);
  const { left, verifier } = await leave(browser, organisation);
  if (left.status !== 200) return { browser, answer: left, tokens: undefined };
  const answer = await comeBack(browser, await passCompany(company, left));
  if (answer.status !== 303) return { browser, answer, tokens: undefined };
  const callback = new URL((await browser.get(answer.location)).location);
  const { tokens } = await exchange(url, codeForm(callback, verifier));
  return { browser, answer, tokens };
}
