variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of everything."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "vault_name" {
  description = "Name of the vault, unique in the world, 24 characters at most."
  type        = string
}

variable "tenant_id" {
  description = "Entra tenant of the vault."
  type        = string
}

variable "operator_cidrs" {
  description = "Public ranges from which Terraform runs; everyone else comes through the private endpoint."
  type        = list(string)
}

variable "operator_object_id" {
  description = "Identity that runs Terraform, which makes the keys."
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
