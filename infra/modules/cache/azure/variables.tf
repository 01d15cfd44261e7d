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

variable "sku_name" {
  description = "Size, for instance Balanced_B5. Without clustering, the maximum is 25 GB."
  type        = string
}

variable "high_availability_enabled" {
  description = "Whether to run a replica in another zone."
  type        = bool
}

variable "key" {
  description = "Key of persisted data, and the identity that may use it."
  type = object({
    key_id      = string
    identity_id = string
  })
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of Managed Redis."
  type        = string
}

variable "clients" {
  description = "Principal IDs, by service, that may connect. Managed Redis has no permissions per key here."
  type        = map(string)
}
