variable "name" {
  description = "Name of the network."
  type        = string
}

variable "project_id" {
  description = "Project of the network."
  type        = string
}

variable "region" {
  description = "Region of the subnets."
  type        = string
}

variable "cidr" {
  description = "Address range, a /16, for nodes, services, endpoints and managed services. Pods have their own range."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be a /16 such as 10.20.0.0/16, because it is divided into subnets of fixed sizes."
  }
}

variable "pod_cidr" {
  description = "Address range of the pods, a /16."
  type        = string
}
