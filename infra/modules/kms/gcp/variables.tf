variable "name" {
  description = "Name of the key ring."
  type        = string
}

variable "project_id" {
  description = "Project of the keys."
  type        = string
}

variable "project_number" {
  description = "Number of the project, which the addresses of its service agents carry."
  type        = string
}

variable "region" {
  description = "Region of the keys; what they encrypt must be in the same."
  type        = string
}
