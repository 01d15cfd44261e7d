variable "account_id" {
  description = "AWS account."
  type        = string
}

variable "region" {
  description = "AWS region of the state."
  type        = string
}
