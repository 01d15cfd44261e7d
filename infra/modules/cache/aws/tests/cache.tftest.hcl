mock_provider "aws" {}

variables {
  name                     = "tripline-test"
  engine_version           = "8.2"
  node_type                = "cache.t4g.medium"
  replica_count            = 1
  snapshot_retention_days  = 1
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-a"]
  client_security_group_id = "sg-1"
  kms_key_arn              = "arn:aws:kms:eu-central-1:000000000000:key/cache"
  rights                   = { for service, uses in yamldecode(file("../../../access.yaml")).services : service => yamldecode(file("../../../access.yaml")).cache_rights[service] if uses.cache }
}

run "forgets_nothing" {
  assert {
    condition     = one(aws_elasticache_parameter_group.this.parameter).value == "noeviction" && aws_elasticache_parameter_group.this.family == "valkey8"
    error_message = "Window state must never be evicted."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.num_cache_clusters == 2
    error_message = "A replica must take over if the primary fails."
  }
}

run "speaks_tls_to_named_users" {
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required" && aws_elasticache_replication_group.this.kms_key_id == var.kms_key_arn
    error_message = "Data must be encrypted with TLS in transit, and with the cache key at rest."
  }

  assert {
    condition     = alltrue([for user in aws_elasticache_user.service : one(user.authentication_mode).type == "iam"])
    error_message = "Users must not have passwords."
  }

  assert {
    condition     = !strcontains(aws_elasticache_user.service["decisions"].access_string, "~state:") && !strcontains(aws_elasticache_user.service["ingestion"].access_string, "~state:")
    error_message = "Only features may write window state."
  }
}

run "gives_the_rights_of_the_table" {
  assert {
    condition = { for service, user in aws_elasticache_user.service : service => toset([
      for word in split(" ", user.access_string) : word if can(regex("[~&]", word))
      ]) } == { for service, rights in var.rights : service => toset(concat(
      [for pattern in rights.keys : "~${pattern}"], [for pattern in rights.reads : "%R~${pattern}"], [for pattern in rights.channels : "&${pattern}"],
    )) }
    error_message = "A service must have exactly the keys and channels listed in infra/access.yaml."
  }

  assert {
    condition     = strcontains(aws_elasticache_user.service["features"].access_string, "~state-complete:* ") && strcontains(aws_elasticache_user.service["ingestion"].access_string, " %R~decision:* ")
    error_message = "Features must mark its states as complete; ingestion must read decisions and write none."
  }
}

run "alone_has_no_failover" {
  variables {
    replica_count = 0
  }

  assert {
    condition     = !aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Failover needs a replica."
  }
}
