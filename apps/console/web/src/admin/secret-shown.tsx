import type { Changed } from "../api/auth.js";
import { text } from "../texts/en/admin.js";
import { text as app } from "../texts/en/app.js";
import { Button } from "../ui/button.js";
import { Secret } from "../ui/secret.js";

interface SecretProps {
  readonly of: Changed;
  readonly onClose: () => void;
}

/** Result of a change: a password or secret that is shown once, and whether all services have received the change. */
export function Result({ of, onClose }: SecretProps) {
  const secret = of.password ?? of.client_secret;
  return (
    <div className="stack">
      {secret !== undefined && (
        <Secret value={secret} note={of.password === undefined ? text.secretOnce : text.passwordOnce} />
      )}
      <p role="status">{statusOf(of)}</p>
      <div className="actions end">
        <Button look="primary" onClick={onClose}>
          {app.close}
        </Button>
      </div>
    </div>
  );
}

function statusOf({ grant, is_published: isPublished }: Changed): string {
  if (grant !== undefined) return text.waits;
  return isPublished === false ? text.toldLater : text.done;
}
