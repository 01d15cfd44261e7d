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

variable "registry_name" {
  description = "Globally unique name of the registry; only letters and digits."
  type        = string
}

variable "zone_redundant" {
  description = "Whether to store the images in three zones."
  type        = bool
}

variable "key" {
  description = "Key of the images, and the identity that may use it."
  type = object({
    versionless_key_id = string
    identity_id        = string
    client_id          = string
  })
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of registries."
  type        = string
}

variable "pusher_cidrs" {
  description = "Public ranges that may push images, for runners outside the network; if empty, public access is closed."
  type        = list(string)
}
