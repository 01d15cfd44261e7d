variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of all resources."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "vault_name" {
  description = "Globally unique name of the vault; at most 24 characters."
  type        = string
}

variable "tenant_id" {
  description = "Entra tenant of the vault."
  type        = string
}

variable "operator_cidrs" {
  description = "Public ranges from which Terraform runs; all others must use the private endpoint."
  type        = list(string)
}

variable "operator_object_id" {
  description = "Identity that runs Terraform, which creates the keys."
  type        = string
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of vaults."
  type        = string
}
