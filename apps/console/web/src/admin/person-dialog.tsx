import { useState } from "react";
import type { AdminPerson } from "../api/auth.js";
import { text } from "../texts/en/admin.js";
import { RoleFields } from "./role-fields.js";
import { AdminStepDialog } from "./step-dialog.js";

/** Actions on a user, each with an explanation. */
export function PersonDialog({ of, onClose }: { readonly of: AdminPerson; readonly onClose: () => void }) {
  const [roles, setRoles] = useState(of.roles);
  const to = `people/${of.user_name}`;
  const steps = {
    roles: { to: `${to}/roles`, method: "PUT", body: { roles } },
    reset: { to: `${to}/reset` },
    "sign-out": { to: `${to}/sign-out` },
    ...(of.disabled_at === null ? { disable: { to: `${to}/disable` } } : { enable: { to: `${to}/enable` } }),
  } as const;
  return (
    <AdminStepDialog
      title={of.name}
      steps={steps}
      words={text.people.steps}
      isReady={roles.length > 0}
      onClose={onClose}
    >
      {(step) => step === "roles" && <RoleFields chosen={roles} onChange={setRoles} />}
    </AdminStepDialog>
  );
}
