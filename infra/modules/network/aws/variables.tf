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
    error_message = "cidr must be a /16 such as 10.20.0.0/16: the subnets are cut from it in fixed sizes."
  }
}

variable "zones" {
  description = "Three availability zones, by name, so that a zone that AWS adds moves no subnet."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 3
    error_message = "zones must name three different zones, for instance eu-central-1a, eu-central-1b and eu-central-1c."
  }
}

variable "nat_gateway_count" {
  description = "1 shares one NAT gateway between the zones (cheaper, a zone's loss cuts egress); 3 gives each zone its own."
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
  description = "Days that flow logs are kept."
  type        = number
}
