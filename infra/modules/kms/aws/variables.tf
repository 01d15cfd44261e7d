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
  description = "Days in which a key's deletion can be taken back."
  type        = number
  default     = 30
}
