# A role per service. Its trust policy names one service account; its permissions cover only this service's topics, consumer
# group, cache user, database user, buckets and secrets.

locals {
  # arn:aws:kafka:region:account:cluster/name/uuid becomes arn:aws:kafka:region:account:topic/name/uuid/TOPIC.
  topic_arn = replace(var.kafka_cluster_arn, ":cluster/", ":topic/")
  group_arn = replace(var.kafka_cluster_arn, ":cluster/", ":group/")

  writes = { for service in keys(var.services) : service => [for topic, access in var.topics : topic if contains(access.writers, service)] }
  reads  = { for service in keys(var.services) : service => [for topic, access in var.topics : topic if contains(access.readers, service)] }

  # Services that read a table (a topic whose records do not expire), and control, because each of its instances guards rollouts.
  followers = toset(concat(flatten([for topic in values(var.topics) : topic.readers if topic.retention_days == null]), ["control"]))

  # Services that read from Kafka. Each has a consumer group of the same name.
  group_services = sort(distinct(flatten([for topic in values(var.topics) : topic.readers])))

  kafka_services = toset([for service in keys(var.services) : service if length(concat(local.writes[service], local.reads[service])) > 0])
  secrets        = merge([for service, uses in var.services : { for secret in uses.secrets : "${service}/${secret}" => service }]...)
}

data "aws_iam_policy_document" "trust" {
  for_each = var.services

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:tripline-${each.key}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each = var.services

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

# The operator fills in the values (infra/README.md, "Secrets"), so the state never contains one.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57: The services rotate these keys with their own procedure; a rotation function cannot re-encrypt the data under them.
  for_each = local.secrets

  name       = "${var.name}/${each.key}"
  kms_key_id = var.secrets_kms_key_arn
}
