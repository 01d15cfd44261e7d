variable "name" {
  description = "Prefix of the bucket names."
  type        = string
}

variable "account_id" {
  description = "Account, the suffix that makes bucket names unique."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the objects."
  type        = string
}

variable "lake_topics" {
  description = "Topics that archive keeps. Their files get cold by age; the log beside them is read again and again."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Age in days at which objects of the lake move to Glacier Instant Retrieval and then to Glacier Deep Archive."
  type = object({
    glacier      = number
    deep_archive = number
  })

  validation {
    condition     = var.lake_tiering_days.glacier >= 30
    error_message = "lake_tiering_days.glacier must be at least 30: compaction reads files of up to 28 days, and recovery those since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.deep_archive >= var.lake_tiering_days.glacier + 90
    error_message = "lake_tiering_days.deep_archive must be at least 90 days after glacier: Glacier Instant Retrieval charges 90 days at least."
  }

  validation {
    condition     = var.lake_tiering_days.deep_archive >= 130
    error_message = "lake_tiering_days.deep_archive must be at least 130: drift is judged by files of up to 121 days, and from there on they would have to be restored."
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
