import { escapeHtml, renderPage } from "./page.js";

interface Form {
  /** Proves that the form was made here for this browser. */
  readonly csrf: string;
  readonly error?: string | undefined;
}

/** Asks for user name and password. @param userName what was typed before */
export function passwordPage({ csrf, error, userName }: Form & { readonly userName: string }): string {
  const invalid = error === undefined ? "" : ' aria-invalid="true" aria-describedby="problem"';
  // The first field that has to be filled in.
  const [nameFocus, passwordFocus] = userName === "" ? [" autofocus", ""] : ["", " autofocus"];
  return renderPage({
    title: "Sign in",
    error,
    html: `<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
<label for="user_name">User name</label>
<input id="user_name" name="user_name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64"
  required value="${escapeHtml(userName)}"${invalid}${nameFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256"
  required${invalid}${passwordFocus}>
<button type="submit">Sign in</button>
</form>`,
  });
}

/** Something cannot go on, and why. */
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
