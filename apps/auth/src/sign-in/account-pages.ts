import type { Ceremony, Passkey } from "../second-factor/passkeys.js";
import { escapeHtml, renderPage } from "./page.js";
import { passkeyButton } from "./passkey-button.js";
import { PASSKEY_SCRIPT } from "./passkey-script.js";
import type { Form } from "./sign-in-pages.js";
import { passwordField } from "./sign-in-pages.js";

/** Asks for the current password and a new one. */
export function ownPasswordPage({ csrf, error }: Form): string {
  return renderPage({
    title: "Your password",
    error,
    html: `<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
${passwordField(error)}
<label for="new_password">New password</label>
<p class="hint" id="new-hint">At least 15 characters. Changing it signs you out everywhere else.</p>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" minlength="15" maxlength="256"
  required aria-describedby="new-hint">
<button type="submit">Change password</button>
</form>`,
  });
}

export interface PasskeysPage extends Form {
  readonly held: readonly Passkey[];
  /** Undefined if the host name does not support passkeys. */
  readonly ceremony: Ceremony | undefined;
}

/** Shows the user's passkeys, to add or remove one. */
export function passkeysPage({ csrf, error, held, ceremony }: PasskeysPage): string {
  const list = held
    .map(
      ({ credential_id: id, name, created_at: at }, index) => `<form method="post">
<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="action" value="remove">
<input type="hidden" name="passkey_id" value="${escapeHtml(id)}">
<h2>${escapeHtml(name)}</h2>
<p class="hint">Added on ${at.toISOString().slice(0, 10)}</p>
<label for="password-${index}">Password</label>
<input id="password-${index}" name="password" type="password" autocomplete="current-password" maxlength="256" required>
<button type="submit">Remove ${escapeHtml(name)}</button>
</form>`,
    )
    .join("\n");
  const intro =
    held.length === 0 ? "<p>With a passkey, you sign in with your password and your device or security key.</p>" : list;
  return renderPage({ title: "Your passkeys", error, html: `${intro}\n${addForm(csrf, error, ceremony)}` });
}

function addForm(csrf: string, error: string | undefined, ceremony: Ceremony | undefined): string {
  if (ceremony === undefined) {
    return "<p>Passkeys require a host name such as login.example.com. This page is served from an IP address.</p>";
  }
  return `<form method="post">
<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="action" value="add">
<label for="name">Name of the new passkey</label>
<input id="name" name="name" maxlength="64" required value="Passkey">
${passwordField(error)}
${passkeyButton("add", "Add passkey", ceremony)}
</form>
<script>${PASSKEY_SCRIPT}</script>`;
}
