import type { Ceremony } from "../second-factor/passkeys.js";
import { escapeHtml } from "./page.js";

/** A button that requests a response from the authenticator, and its form fields. Hidden until the script runs. */
export function passkeyButton(kind: "add" | "use", label: string, { options, sealed }: Ceremony): string {
  return `<input type="hidden" name="passkey" value=""><input type="hidden" name="passkey_sealed" value="${sealed}">
<p class="hint" role="status" data-note></p>
<button type="button" hidden data-passkey="${kind}" data-options="${escapeHtml(options)}">${label}</button>`;
}
