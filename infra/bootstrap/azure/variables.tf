variable "subscription_id" {
  description = "Azure subscription."
  type        = string
}

variable "location" {
  description = "Azure region of the state."
  type        = string
}

variable "suffix" {
  description = "Six letters or digits that make the account's name globally unique."
  type        = string
}

variable "operator_cidrs" {
  description = "Public ranges from which Terraform runs."
  type        = list(string)
}

variable "operator_object_ids" {
  description = "Users and identities that run Terraform."
  type        = set(string)
}
