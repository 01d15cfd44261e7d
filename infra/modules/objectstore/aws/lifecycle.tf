locals {
  # Days after which an object is deleted; null keeps it.
  expiration_days = {
    access-logs = 90
    anchors     = null
    attachments = null
    datasets    = var.dataset_retention_days
    lake        = null
    models      = null
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "clean-up"
    status = "Enabled"

    filter {
      prefix = ""
    }

    dynamic "expiration" {
      for_each = local.expiration_days[each.key] == null ? [] : [local.expiration_days[each.key]]

      content {
        days = expiration.value
      }
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  # The files described in packages/lake/src/lake-layout.ts. S3 does not move objects under 128 KiB, because moving them costs more
  # than it saves.
  dynamic "rule" {
    for_each = each.key == "lake" ? var.lake_topics : []

    content {
      id     = "tier-${rule.value}-by-age"
      status = "Enabled"

      filter {
        prefix = "${rule.value}/day="
      }

      transition {
        days          = var.lake_tiering_days.glacier
        storage_class = "GLACIER_IR"
      }

      transition {
        days          = var.lake_tiering_days.deep_archive
        storage_class = "DEEP_ARCHIVE"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
