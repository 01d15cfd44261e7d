variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "billing_account" {
  description = "Billing account that pays for the project."
  type        = string
}

variable "project_number" {
  description = "Number of the project whose costs the budget covers."
  type        = string
}

variable "monthly_usd" {
  description = "Monthly budget in US dollars; the billing account must use US dollars."
  type        = number
}

variable "notification_channel_ids" {
  description = "Channels that receive budget notifications; at most five."
  type        = list(string)

  validation {
    condition     = length(var.notification_channel_ids) <= 5
    error_message = "A budget notifies at most five channels: specify fewer alert_emails."
  }
}
