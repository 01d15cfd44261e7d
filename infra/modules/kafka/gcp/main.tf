# Creates topics and permissions. A topic with an ACL is closed to everyone whom the ACL does not name.

locals {
  deletion_policy = var.protected ? "PREVENT" : "DELETE"
  services        = toset(flatten([for topic in values(var.topics) : concat(topic.writers, topic.readers)]))
  writers         = toset(flatten([for topic in values(var.topics) : topic.writers]))
  followers       = toset(concat(flatten([for topic in values(var.topics) : topic.readers if topic.retention_days == null]), ["control"]))
  readers         = toset(flatten([for topic in values(var.topics) : topic.readers]))

  # The console shows each service's consumer lag; `snapshots` reads the offsets of features before it restores states.
  watchers = setintersection(var.lag_watchers, local.services)

  topic_entries = { for name, topic in var.topics : name => distinct(concat(
    flatten([for service in topic.writers : [for operation in ["WRITE", "DESCRIBE"] : { service = service, operation = operation }]]),
    flatten([for service in topic.readers : [for operation in ["READ", "DESCRIBE"] : { service = service, operation = operation }]]),
    [for service in setsubtract(local.watchers, concat(topic.writers, topic.readers)) : { service = service, operation = "DESCRIBE" }],
  )) }

  group_entries = { for reader in local.readers : reader => concat(
    [for operation in ["READ", "DESCRIBE"] : { service = reader, operation = operation }],
    [for service in setsubtract(local.watchers, [reader]) : { service = service, operation = "DESCRIBE" }],
  ) }
}

resource "google_managed_kafka_cluster" "this" {
  cluster_id      = var.name
  project         = var.project_id
  location        = var.region
  deletion_policy = local.deletion_policy

  capacity_config {
    vcpu_count   = var.vcpu_count
    memory_bytes = var.memory_gib * pow(1024, 3)
  }

  rebalance_config {
    mode = "AUTO_REBALANCE_ON_SCALE_UP"
  }

  gcp_config {
    kms_key = var.kms_key_id

    access_config {
      network_configs {
        subnet = var.subnet_id
      }
    }
  }
}

resource "google_managed_kafka_topic" "this" {
  for_each = var.topics

  topic_id           = each.key
  project            = var.project_id
  location           = var.region
  cluster            = google_managed_kafka_cluster.this.cluster_id
  partition_count    = each.value.partitions
  replication_factor = 3
  deletion_policy    = local.deletion_policy

  # The same as in packages/kafka/src/topic-config.ts: Kafka deletes and compacts whole segments, so a segment must end soon.
  configs = merge(
    { "min.insync.replicas" = "2" },
    each.value.retention_days == null
    ? { "cleanup.policy" = "compact", "segment.ms" = "86400000", "max.compaction.lag.ms" = "86400000" }
    : {
      "cleanup.policy" = "delete",
      "retention.ms"   = tostring(each.value.retention_days * 24 * 3600 * 1000),
      "segment.ms"     = tostring(min(each.value.retention_days, 24) * 3600 * 1000),
    },
  )
}

resource "google_managed_kafka_acl" "topic" {
  for_each = local.topic_entries

  acl_id   = "topic/${google_managed_kafka_topic.this[each.key].topic_id}"
  project  = var.project_id
  location = var.region
  cluster  = google_managed_kafka_cluster.this.cluster_id

  dynamic "acl_entries" {
    for_each = each.value

    content {
      principal       = "User:${var.principals[acl_entries.value.service]}"
      permission_type = "ALLOW"
      operation       = acl_entries.value.operation
      host            = "*"
    }
  }
}

# A service's consumer group has the service's name.
resource "google_managed_kafka_acl" "group" {
  for_each = local.group_entries

  acl_id   = "consumerGroup/${var.group_prefix}${each.key}"
  project  = var.project_id
  location = var.region
  cluster  = google_managed_kafka_cluster.this.cluster_id

  dynamic "acl_entries" {
    for_each = each.value

    content {
      principal       = "User:${var.principals[acl_entries.value.service]}"
      permission_type = "ALLOW"
      operation       = acl_entries.value.operation
      host            = "*"
    }
  }
}

# Each instance that follows a table or guards rollouts has its own group, <service>-<table>-<id>.
resource "google_managed_kafka_acl" "followers" {
  for_each = local.followers

  acl_id   = "consumerGroupPrefixed/${var.group_prefix}${each.key}-"
  project  = var.project_id
  location = var.region
  cluster  = google_managed_kafka_cluster.this.cluster_id

  dynamic "acl_entries" {
    for_each = toset(["READ", "DESCRIBE"])

    content {
      principal       = "User:${var.principals[each.key]}"
      permission_type = "ALLOW"
      operation       = acl_entries.key
      host            = "*"
    }
  }
}

resource "google_managed_kafka_acl" "cluster" {
  acl_id   = "cluster"
  project  = var.project_id
  location = var.region
  cluster  = google_managed_kafka_cluster.this.cluster_id

  dynamic "acl_entries" {
    for_each = local.services

    content {
      principal       = "User:${var.principals[acl_entries.key]}"
      permission_type = "ALLOW"
      operation       = "DESCRIBE"
      host            = "*"
    }
  }

  dynamic "acl_entries" {
    for_each = local.writers

    content {
      principal       = "User:${var.principals[acl_entries.key]}"
      permission_type = "ALLOW"
      operation       = "IDEMPOTENT_WRITE"
      host            = "*"
    }
  }
}

# Lets a service connect; the ACLs define what it may do.
resource "google_project_iam_member" "client" {
  for_each = local.services

  project = var.project_id
  role    = "roles/managedkafka.client"
  member  = "serviceAccount:${var.principals[each.key]}"
}
