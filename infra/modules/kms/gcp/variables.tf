variable "name" {
  description = "Name of the key ring."
  type        = string
}

variable "project_id" {
  description = "Project of the keys."
  type        = string
}

variable "project_number" {
  description = "Number of the project, which is part of the addresses of its service agents."
  type        = string
}

variable "region" {
  description = "Region of the keys, and of the data that they encrypt."
  type        = string
}
