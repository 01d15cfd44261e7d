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

variable "namespace_name" {
  description = "Globally unique name of the namespace."
  type        = string
}

variable "processing_units" {
  description = "Processing units of the Premium tier: 1, 2, 4, 8, 12 or 16."
  type        = number

  validation {
    condition     = contains([1, 2, 4, 8, 12, 16], var.processing_units)
    error_message = "processing_units must be 1, 2, 4, 8, 12 or 16."
  }
}

variable "topics" {
  description = "Topics with the services that write and read them, from infra/access.yaml."
  type = map(object({
    partitions = number
    # null: a compacted topic, which keeps the newest record of each key.
    retention_days = number
    writers        = list(string)
    readers        = list(string)
  }))

  validation {
    condition     = alltrue([for topic in values(var.topics) : coalesce(topic.retention_days, 0) <= 90])
    error_message = "Event Hubs keeps records for at most 90 days."
  }
}

variable "principals" {
  description = "Principal ID of each service's identity."
  type        = map(string)
}

variable "key" {
  description = "Key of the records, and the identity that may use it."
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
  description = "Private DNS zone of Event Hubs."
  type        = string
}
