import { ROLES } from "@tripline/contracts/roles";
import { text } from "../texts/en/admin.js";
import type { CheckListProps } from "../ui/check-list.js";
import { CheckList } from "../ui/check-list.js";

const OPTIONS = ROLES.map((role) => [role, `${text.roles[role] ?? role}: ${text.mayDo[role]}`] as const);

export function RoleFields(props: Pick<CheckListProps, "chosen" | "onChange">) {
  return <CheckList label={text.people.roles} options={OPTIONS} {...props} />;
}
