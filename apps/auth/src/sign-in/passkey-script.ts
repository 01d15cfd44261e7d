import { createHash } from "node:crypto";

/**
 * The only script of the pages: it passes the button's options to the browser and submits the authenticator's response
 * with the form. Passkey pages allow it by its hash.
 */
export const PASSKEY_SCRIPT = `
for (const button of document.querySelectorAll("button[data-passkey]")) {
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    const { form, dataset } = button;
    const note = form.querySelector("[data-note]");
    if (dataset.passkey === "add" && !form.reportValidity()) return;
    try {
      const options = JSON.parse(dataset.options);
      const credential = dataset.passkey === "add"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.passkey.value = JSON.stringify(credential);
      form.submit();
    } catch (error) {
      note.textContent = "The passkey could not be used: " + (error.name === "NotAllowedError" ? "you cancelled, or it took too long." : "this browser or device rejected it.");
    }
  });
}
`;

const HASH = createHash("sha256").update(PASSKEY_SCRIPT).digest("base64");

/** For a policy of a page that has the script. */
export const PASSKEY_SCRIPT_SOURCE = `'sha256-${HASH}'`;
