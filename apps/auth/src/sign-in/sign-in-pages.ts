import { renderSVG } from "uqr";
import { USER_NAME_CHARACTERS_MAX } from "../people/canonical-user-name.js";
import type { Ceremony } from "../second-factor/passkeys.js";
import type { Enrolment } from "../second-factor/second-factors.js";
import { escapeHtml, renderPage } from "./page.js";
import { passkeyButton } from "./passkey-button.js";
import { PASSKEY_SCRIPT } from "./passkey-script.js";

/** Width of the white border that QR code readers need (ISO/IEC 18004). */
const QUIET_MODULES = 4;

export interface Form {
  /** CSRF token of this browser. */
  readonly csrf: string;
  readonly error?: string | undefined;
}

/** Optional, because a user without an authenticator app waits, or signs in from a known device. */
const OWNER_CODE = `<label for="code">Code</label>
<input id="code" name="code" autocomplete="one-time-code" maxlength="32" aria-describedby="code-hint">
<p id="code-hint">If you have an authenticator app, enter its code or a recovery code to sign in without waiting.</p>
`;

export interface PasswordPage extends Form {
  /** The name from the previous attempt. */
  readonly userName: string;
  /** Whether to ask for a code, because the attempts for the name are used up. */
  readonly asksCode?: boolean;
  /** Where the form for single sign-on is sent; absent if no tenant has a provider. */
  readonly ssoPath?: string;
}

/** Asks for user name and password. */
export function passwordPage({ csrf, error, userName, asksCode = false, ssoPath }: PasswordPage): string {
  const invalid = invalidIf(error);
  // Focus the first empty field.
  const [nameFocus, passwordFocus] = userName === "" ? [" autofocus", ""] : ["", " autofocus"];
  return renderPage({
    title: "Sign in",
    error,
    html: `<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
<label for="user_name">User name</label>
<input id="user_name" name="user_name" autocomplete="username" autocapitalize="none" spellcheck="false"
  maxlength="${USER_NAME_CHARACTERS_MAX}" required value="${escapeHtml(userName)}"${invalid}${nameFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256"
  required${invalid}${passwordFocus}>
${asksCode ? OWNER_CODE : ""}<button type="submit">Sign in</button>
</form>${ssoPath === undefined ? "" : singleSignOnForm(ssoPath, csrf)}`,
  });
}

function singleSignOnForm(path: string, csrf: string): string {
  return `
<h2>Single sign-on</h2>
<form method="post" action="${escapeHtml(path)}">
<input type="hidden" name="csrf" value="${csrf}">
<label for="organisation">Organisation or e-mail address</label>
<input id="organisation" name="organisation" autocomplete="email" autocapitalize="none" spellcheck="false" maxlength="254"
  required>
<button type="submit">Continue with single sign-on</button>
</form>`;
}

/** Sends the browser to another site. A redirect of a form would require the page's CSP to allow that site. */
export function continuePage(title: string, url: string): string {
  const target = escapeHtml(url);
  return renderPage({
    title,
    refreshTo: url,
    html: `<p><a href="${target}">Continue</a> if nothing happens.</p>`,
  });
}

export interface CodePage extends Form {
  /** Whether the user has an authenticator app. */
  readonly hasApp: boolean;
  /** Present if the user has a passkey. */
  readonly ceremony: Ceremony | undefined;
}

/** Asks for a code from the authenticator app, or for a passkey. */
export function codePage({ csrf, error, hasApp, ceremony }: CodePage): string {
  const hidden = `<input type="hidden" name="csrf" value="${csrf}">`;
  const app = `<form method="post">
${hidden}
${codeField(error, "The six-digit code from your authenticator app, or one of your recovery codes.", true)}
<button type="submit">Sign in</button>
</form>`;
  const passkey =
    ceremony === undefined
      ? ""
      : `<form method="post">
${hidden}
${passkeyButton("use", "Use a passkey", ceremony)}
</form>
<noscript><p>Passkeys need JavaScript in this browser.</p></noscript>
<script>${PASSKEY_SCRIPT}</script>`;
  return renderPage({
    title: hasApp ? "Enter your code" : "Use your passkey",
    error,
    html: `${hasApp ? app : ""}\n${passkey}`,
  });
}

/** Shows a new secret as a QR code and as text, and asks for the first code. */
export function enrolPage({
  csrf,
  error,
  enrolment,
  asksPassword,
}: Form & { readonly enrolment: Enrolment; readonly asksPassword: boolean }): string {
  return renderPage({
    title: "Set up a second factor",
    error,
    html: `<p>Scan this QR code with an authenticator app, or enter the key by hand. Then enter the code from the app.</p>
<div class="qr" role="img" aria-label="QR code of the key below">${renderSVG(enrolment.uri, { border: QUIET_MODULES })}</div>
<p>Key: <code>${enrolment.text}</code></p>
<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
<input type="hidden" name="sealed" value="${enrolment.sealed}">
${asksPassword ? passwordField(error) : ""}
${codeField(error, "The six-digit code from the app.", !asksPassword)}
<button type="submit">Set up</button>
</form>`,
  });
}

/** Shows recovery codes once. @param csrf set if a sign-in continues from here */
export function recoveryCodesPage(codes: readonly string[], csrf?: string): string {
  const form =
    csrf === undefined
      ? ""
      : `<form method="post"><input type="hidden" name="csrf" value="${csrf}"><button type="submit">Continue</button></form>`;
  return renderPage({
    title: "Save your recovery codes",
    html: `<p>Each code replaces an authenticator code once. They are not shown again.</p>
<ul class="codes">${codes.map((code) => `<li><code>${code}</code></li>`).join("")}</ul>
${form}`,
  });
}

/** Asks a user whether to remove the second factor. */
export function removePage({ csrf, error }: Form): string {
  return renderPage({
    title: "Your second factor",
    error,
    html: `<p>You sign in with a password and a code from your authenticator app. To use another app, remove this one first.</p>
<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
${passwordField(error)}
${codeField(error, "A code from the app, or a recovery code.", false)}
<button type="submit">Remove second factor</button>
</form>`,
  });
}

const invalidIf = (error: string | undefined): string =>
  error === undefined ? "" : ' aria-invalid="true" aria-describedby="problem"';

function codeField(error: string | undefined, hint: string, hasFocus: boolean): string {
  const described = error === undefined ? "code-hint" : "problem code-hint";
  const invalid = error === undefined ? "" : ' aria-invalid="true"';
  return `<label for="code">Code</label>
<p class="hint" id="code-hint">${hint}</p>
<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="32"
  required aria-describedby="${described}"${invalid}${hasFocus ? " autofocus" : ""}>`;
}

export function passwordField(error: string | undefined): string {
  return `<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256"
  required${invalidIf(error)}>`;
}

/** An error page with the reason. */
export function messagePage(title: string, message: string): string {
  return renderPage({ title, html: `<p>${escapeHtml(message)}</p>` });
}

/** @param form of the OAuth library, with the id `op.logoutForm` */
export function signOutPage(form: string): string {
  return renderPage({
    title: "Sign out",
    html: `<p>You will be signed out of Tripline in this browser.</p>
${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>`,
  });
}
