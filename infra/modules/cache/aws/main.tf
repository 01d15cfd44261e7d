# One shard: all keys of a batch must be on one server (docs/architecture.md, "Limits known today"), so cluster mode is
# off, and the size of the node limits the capacity.

locals {
  # Keys that a service changes, keys that it only reads, and channels.
  patterns = {
    for service, rights in var.rights : service => join(" ", concat(
      formatlist("~%s", rights.keys),
      formatlist("%%R~%s", rights.reads),
      formatlist("&%s", rights.channels),
    ))
  }

  # Groups of commands instead of the commands in access.yaml, because the engine rejects rules about commands that it does not know.
  commands = "-@all +@read +@write +@pubsub +@connection +@transaction +@scripting -@dangerous +info +cluster|slots +cluster|info"
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.name
  family      = "valkey${split(".", var.engine_version)[0]}"
  description = "Window state must never be evicted: a full cache refuses writes, and features waits"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "cache" {
  name_prefix = "${var.name}-cache-"
  description = "Valkey"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  security_group_id            = aws_security_group.cache.id
  description                  = "Valkey over TLS from the nodes"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

# Services sign in with tokens of their IAM roles instead of passwords. With IAM, the id and name of a user must be the same.
resource "aws_elasticache_user" "service" {
  for_each = local.patterns

  user_id       = "${var.name}-${each.key}"
  user_name     = "${var.name}-${each.key}"
  engine        = "valkey"
  access_string = "on ${each.value} ${local.commands}"

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user_group" "services" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [for user in aws_elasticache_user.service : user.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  # checkov:skip=CKV2_AWS_50: Failover is enabled if there is a replica; dev has none.
  replication_group_id = var.name
  description          = "Window state, first decisions and replies of ${var.name}"
  engine               = "valkey"
  engine_version       = var.engine_version
  node_type            = var.node_type
  port                 = 6379

  num_cache_clusters         = 1 + var.replica_count
  automatic_failover_enabled = var.replica_count > 0
  multi_az_enabled           = var.replica_count > 0

  parameter_group_name = aws_elasticache_parameter_group.this.name
  subnet_group_name    = aws_elasticache_subnet_group.this.name
  security_group_ids   = [aws_security_group.cache.id]
  user_group_ids       = [aws_elasticache_user_group.services.user_group_id]

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"

  snapshot_retention_limit   = var.snapshot_retention_days
  snapshot_window            = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:04:30"
  auto_minor_version_upgrade = true
}
