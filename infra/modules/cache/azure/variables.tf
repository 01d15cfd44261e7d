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

variable "sku_name" {
  description = "Size, for instance Balanced_B5. Without clustering 25 GB at most."
  type        = string
}

variable "high_availability_enabled" {
  description = "A replica in another zone."
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
  description = "Principal ids, by service, that may connect. Managed Redis has no rights per key here."
  type        = map(string)
}
