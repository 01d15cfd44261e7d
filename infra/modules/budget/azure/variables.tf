variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_id" {
  description = "Resource group whose costs the budget covers."
  type        = string
}

variable "monthly_amount" {
  description = "Monthly budget, in the currency of the subscription."
  type        = number
}

variable "start_date" {
  description = "First day of the month in which the budget starts, for instance 2026-12-01T00:00:00Z."
  type        = string
}

variable "action_group_id" {
  description = "Action group that receives budget notifications."
  type        = string
}
