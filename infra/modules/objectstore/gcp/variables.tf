variable "name" {
  description = "Prefix of the bucket names."
  type        = string
}

variable "project_id" {
  description = "Project, the suffix that makes bucket names unique."
  type        = string
}

variable "region" {
  description = "Region of the buckets."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the objects."
  type        = string
}

variable "lake_topics" {
  description = "Topics that archive keeps. Their files get cold by age; the log beside them is read again and again."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Age in days at which objects of the lake move to Coldline and then to Archive."
  type = object({
    coldline = number
    archive  = number
  })

  validation {
    condition     = var.lake_tiering_days.coldline >= 30
    error_message = "lake_tiering_days.coldline must be at least 30: compaction reads files of up to 28 days, and recovery those since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.archive >= var.lake_tiering_days.coldline + 90
    error_message = "lake_tiering_days.archive must be at least 90 days after coldline: Coldline charges 90 days at least."
  }
}

variable "dataset_retention_days" {
  description = "Days that training data sets are kept; they can be made again from the lake."
  type        = number
}

variable "force_destroy" {
  description = "Let the buckets be deleted with what is in them. For throw-away environments only."
  type        = bool
}
