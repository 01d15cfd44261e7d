variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_id" {
  description = "Resource group whose costs count."
  type        = string
}

variable "monthly_amount" {
  description = "Budget of a month, in the currency of the subscription."
  type        = number
}

variable "start_date" {
  description = "First of the month from which the budget counts, for instance 2026-12-01T00:00:00Z."
  type        = string
}

variable "action_group_id" {
  description = "Action group that receives budget notifications."
  type        = string
}
