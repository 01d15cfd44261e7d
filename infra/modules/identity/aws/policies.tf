data "aws_iam_policy_document" "kafka" {
  for_each = local.kafka_services

  statement {
    sid       = "Connect"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"]
    resources = [var.kafka_cluster_arn]
  }

  dynamic "statement" {
    for_each = length(local.writes[each.key]) > 0 ? [local.writes[each.key]] : []

    content {
      sid       = "Write"
      actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
      resources = [for topic in statement.value : "${local.topic_arn}/${topic}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.writes[each.key]) > 0 ? [var.kafka_cluster_arn] : []

    content {
      sid       = "WriteIdempotently"
      actions   = ["kafka-cluster:WriteDataIdempotently"]
      resources = [statement.value]
    }
  }

  # The chart's job that creates the topics uses this service's account. It lists topics, creates missing ones, and requests offsets
  # from their leaders. It may not change or delete topics, or create others.
  dynamic "statement" {
    for_each = var.services[each.key].creates_topics ? [keys(var.topics)] : []

    content {
      sid       = "CreateTopics"
      actions   = ["kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic"]
      resources = [for topic in statement.value : "${local.topic_arn}/${topic}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.reads[each.key]) > 0 ? [local.reads[each.key]] : []

    content {
      sid       = "Read"
      actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
      resources = [for topic in statement.value : "${local.topic_arn}/${topic}"]
    }
  }

  dynamic "statement" {
    for_each = length(local.reads[each.key]) > 0 ? [each.key] : []

    content {
      sid     = "Group"
      actions = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
      # Each instance that follows a table has its own group, <service>-<table>-<id>.
      resources = concat(
        ["${local.group_arn}/${var.group_prefix}${statement.value}"],
        contains(local.followers, statement.value) ? ["${local.group_arn}/${var.group_prefix}${statement.value}-*"] : [],
      )
    }
  }

  # The console shows each service's consumer lag; `snapshots` reads the offsets of features before it restores states.
  dynamic "statement" {
    for_each = contains(var.lag_watchers, each.key) ? [local.group_services] : []

    content {
      sid       = "WatchGroups"
      actions   = ["kafka-cluster:DescribeGroup"]
      resources = [for service in statement.value : "${local.group_arn}/${var.group_prefix}${service}"]
    }
  }

  dynamic "statement" {
    for_each = contains(var.lag_watchers, each.key) ? [keys(var.topics)] : []

    content {
      sid       = "WatchTopics"
      actions   = ["kafka-cluster:DescribeTopic"]
      resources = [for topic in statement.value : "${local.topic_arn}/${topic}"]
    }
  }
}

resource "aws_iam_role_policy" "kafka" {
  for_each = local.kafka_services

  name   = "kafka"
  role   = aws_iam_role.service[each.key].id
  policy = data.aws_iam_policy_document.kafka[each.key].json
}

data "aws_iam_policy_document" "stores" {
  for_each = { for service, uses in var.services : service => uses if uses.cache || uses.database || length(uses.secrets) > 0 }

  dynamic "statement" {
    for_each = each.value.cache ? [var.cache_user_arns[each.key]] : []

    content {
      sid       = "Cache"
      actions   = ["elasticache:Connect"]
      resources = [var.cache_arn, statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.value.database ? [each.key] : []

    content {
      sid       = "Database"
      actions   = ["rds-db:connect"]
      resources = ["arn:aws:rds-db:${replace(var.database_resource, "/:([^:]*)$/", ":dbuser:$1")}/${statement.value}"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.secrets) > 0 ? [each.value.secrets] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      resources = [for secret in statement.value : aws_secretsmanager_secret.this["${each.key}/${secret}"].arn]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.secrets) > 0 ? [var.secrets_kms_key_arn] : []

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "stores" {
  for_each = data.aws_iam_policy_document.stores

  name   = "stores"
  role   = aws_iam_role.service[each.key].id
  policy = each.value.json
}

data "aws_iam_policy_document" "buckets" {
  for_each = { for service, uses in var.services : service => uses.buckets if length(uses.buckets) > 0 }

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for kind in keys(each.value) : var.bucket_arns[kind]]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for kind in keys(each.value) : "${var.bucket_arns[kind]}/*"]
  }

  dynamic "statement" {
    for_each = contains(values(each.value), "write") ? [[for kind, access in each.value : kind if access == "write"]] : []

    content {
      sid       = "Write"
      actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
      resources = [for kind in statement.value : "${var.bucket_arns[kind]}/*"]
    }
  }

  statement {
    sid       = "ObjectsKey"
    actions   = contains(values(each.value), "write") ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = [var.objects_kms_key_arn]
  }
}

resource "aws_iam_role_policy" "buckets" {
  for_each = data.aws_iam_policy_document.buckets

  name   = "buckets"
  role   = aws_iam_role.service[each.key].id
  policy = each.value.json
}

# Ingestion can wrap keys of personal data but not unwrap them; control can do both.
data "aws_iam_policy_document" "personal" {
  for_each = { for service, uses in var.services : service => uses.master_key if uses.master_key != "" }

  statement {
    sid       = "MasterKey"
    actions   = each.value == "decrypt" ? ["kms:Decrypt", "kms:Encrypt"] : ["kms:Encrypt"]
    resources = [var.personal_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:use"
      values   = ["tripline-personal-data"]
    }
  }
}

resource "aws_iam_role_policy" "personal" {
  for_each = data.aws_iam_policy_document.personal

  name   = "personal"
  role   = aws_iam_role.service[each.key].id
  policy = each.value.json
}
