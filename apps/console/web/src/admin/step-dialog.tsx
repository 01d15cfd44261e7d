import type { Changed } from "../api/auth.js";
import type { StepDialogProps } from "../ui/step-dialog.js";
import { StepDialog } from "../ui/step-dialog.js";
import { Result } from "./secret-shown.js";
import type { AdminChange } from "./use-admin.js";
import { useAdminChange } from "./use-admin.js";

/** Actions on a user, client or request. */
export function AdminStepDialog(props: Omit<StepDialogProps<AdminChange, Changed>, "change" | "result">) {
  const { onClose } = props;
  return (
    <StepDialog {...props} change={useAdminChange()} result={(changed) => <Result of={changed} onClose={onClose} />} />
  );
}
