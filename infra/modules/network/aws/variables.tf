variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "region" {
  description = "Region of the VPC endpoints' service names."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC, a /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be a /16 such as 10.20.0.0/16, because it is divided into subnets of fixed sizes."
  }
}

variable "zones" {
  description = "Three availability zones by name, so that subnets do not move when AWS adds a zone."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 3
    error_message = "zones must contain three different zones, for instance eu-central-1a, eu-central-1b and eu-central-1c."
  }
}

variable "nat_gateway_count" {
  description = "Number of NAT gateways. 1: the zones share one, which is cheaper, but losing its zone cuts off egress. 3: each zone has its own."
  type        = number

  validation {
    condition     = contains([1, 3], var.nat_gateway_count)
    error_message = "nat_gateway_count must be 1 or 3."
  }
}

variable "flow_log_kms_key_arn" {
  description = "KMS key of the flow logs; its policy must let CloudWatch Logs use it."
  type        = string
}

variable "flow_log_retention_days" {
  description = "Retention of flow logs in days."
  type        = number
}
