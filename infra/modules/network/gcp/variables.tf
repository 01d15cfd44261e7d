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
  description = "Address range, a /16, from which nodes, services, endpoints and managed services are cut. Pods get their own range."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr must be a /16 such as 10.20.0.0/16: the subnets are cut from it in fixed sizes."
  }
}

variable "pod_cidr" {
  description = "Address range of the pods, a /16."
  type        = string
}
