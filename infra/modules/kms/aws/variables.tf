variable "name" {
  description = "Prefix of the key aliases."
  type        = string
}

variable "region" {
  description = "Region whose CloudWatch Logs may use the logs key."
  type        = string
}

variable "account_id" {
  description = "Account that owns the keys."
  type        = string
}

variable "deletion_window_days" {
  description = "Number of days during which the deletion of a key can be reverted."
  type        = number
  default     = 30
}
