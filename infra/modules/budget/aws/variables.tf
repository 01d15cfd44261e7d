variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "environment" {
  description = "Value of the cost allocation tag Environment whose costs the budget covers."
  type        = string
}

variable "monthly_usd" {
  description = "Monthly budget in US dollars."
  type        = number
}

variable "alert_topic_arn" {
  description = "SNS topic that receives budget notifications."
  type        = string
}
