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

variable "cidr" {
  description = "Address range of the virtual network, a /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be a /16 such as 10.50.0.0/16, because it is divided into subnets of fixed sizes."
  }
}
