import type { Ceremony } from "../second-factor/passkeys.js";
import { escapeHtml } from "./page.js";

/** A button by which a form gets the answer of an authenticator, and the fields for it. Without the script it is hidden. */
export function passkeyButton(kind: "add" | "use", label: string, { options, sealed }: Ceremony): string {
  return `<input type="hidden" name="passkey" value=""><input type="hidden" name="passkey_sealed" value="${sealed}">
<p class="hint" role="status" data-note></p>
<button type="button" hidden data-passkey="${kind}" data-options="${escapeHtml(options)}">${label}</button>`;
}
