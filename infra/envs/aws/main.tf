locals {
  name   = "tripline-${var.environment}"
  access = yamldecode(file("${path.module}/../../access.yaml"))
  topics = { for name, topic in local.access.topics : "${local.access.topic_prefix}${name}" => topic }

  # A service's database user has the service's name.
  database_users = { for service, uses in local.access.services : service => service if uses.database }

  # Excludes the operator of the commands, which has no role here.
  cache_rights = { for service, uses in local.access.services : service => local.access.cache_rights[service] if uses.cache }
}

module "kms" {
  source = "../../modules/kms/aws"

  name       = local.name
  region     = var.region
  account_id = var.account_id
}

module "network" {
  source = "../../modules/network/aws"

  name                    = local.name
  region                  = var.region
  cidr                    = var.network.cidr
  zones                   = var.network.zones
  nat_gateway_count       = var.network.nat_gateway_count
  flow_log_kms_key_arn    = module.kms.key_arns["logs"]
  flow_log_retention_days = var.log_retention_days
}

module "cluster" {
  source = "../../modules/cluster/aws"

  name                = local.name
  kubernetes_version  = var.cluster.kubernetes_version
  node_pools          = var.cluster.node_pools
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.private_subnet_ids
  api_client_cidrs    = var.api_client_cidrs
  admin_role_arns     = var.admin_role_arns
  secrets_kms_key_arn = module.kms.key_arns["cluster"]
  volumes_kms_key_arn = module.kms.key_arns["volumes"]
  logs_kms_key_arn    = module.kms.key_arns["logs"]
  log_retention_days  = var.log_retention_days
  deletion_protection = var.protected
}

module "kafka" {
  source = "../../modules/kafka/aws"

  name                     = local.name
  kafka_version            = var.kafka.kafka_version
  broker_instance_type     = var.kafka.broker_instance_type
  broker_storage_gib       = var.kafka.broker_storage_gib
  broker_storage_gib_max   = var.kafka.broker_storage_gib_max
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.node_security_group_id
  kms_key_arn              = module.kms.key_arns["kafka"]
  logs_kms_key_arn         = module.kms.key_arns["logs"]
  log_retention_days       = var.log_retention_days
}

module "cache" {
  source = "../../modules/cache/aws"

  name                     = local.name
  engine_version           = var.cache.engine_version
  node_type                = var.cache.node_type
  replica_count            = var.cache.replica_count
  snapshot_retention_days  = var.cache.snapshot_retention_days
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.node_security_group_id
  kms_key_arn              = module.kms.key_arns["cache"]
  rights                   = local.cache_rights
}

module "database" {
  source = "../../modules/database/aws"

  name                     = local.name
  engine_version           = var.database.engine_version
  instance_class           = var.database.instance_class
  storage_gib              = var.database.storage_gib
  storage_gib_max          = var.database.storage_gib_max
  multi_az                 = var.database.multi_az
  backup_retention_days    = var.database.backup_retention_days
  deletion_protection      = var.protected
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.node_security_group_id
  kms_key_arn              = module.kms.key_arns["database"]
  secrets_kms_key_arn      = module.kms.key_arns["secrets"]
  logs_kms_key_arn         = module.kms.key_arns["logs"]
  log_retention_days       = var.log_retention_days
}

module "objectstore" {
  source = "../../modules/objectstore/aws"

  name                   = local.name
  account_id             = var.account_id
  kms_key_arn            = module.kms.key_arns["objects"]
  lake_topics            = [for name, topic in local.access.topics : name if contains(topic.readers, "archive")]
  lake_tiering_days      = var.objectstore.lake_tiering_days
  dataset_retention_days = var.objectstore.dataset_retention_days
  force_destroy          = !var.protected
}

module "files" {
  source = "../../modules/files/aws"

  name                     = local.name
  storage_class_name       = "tripline-files"
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.data_subnet_ids
  client_security_group_id = module.cluster.node_security_group_id
  kms_key_arn              = module.kms.key_arns["files"]
  backups                  = var.protected
  keep_volumes             = var.protected
}

module "registry" {
  source = "../../modules/registry/aws"

  name         = local.name
  images       = var.images
  kms_key_arn  = module.kms.key_arns["registry"]
  force_delete = !var.protected
}

module "identity" {
  source = "../../modules/identity/aws"

  name                 = local.name
  namespace            = var.namespace
  account_id           = var.account_id
  services             = local.access.services
  topics               = local.topics
  group_prefix         = local.access.topic_prefix
  lag_watchers         = local.access.lag_watchers
  oidc_provider_arn    = module.cluster.oidc_provider_arn
  oidc_issuer          = module.cluster.oidc_issuer
  kafka_cluster_arn    = module.kafka.cluster_arn
  cache_arn            = module.cache.replication_group_arn
  cache_user_arns      = module.cache.user_arns
  database_resource    = "${var.region}:${var.account_id}:${module.database.resource_id}"
  bucket_arns          = module.objectstore.bucket_arns
  objects_kms_key_arn  = module.kms.key_arns["objects"]
  personal_kms_key_arn = module.kms.key_arns["personal"]
  secrets_kms_key_arn  = module.kms.key_arns["secrets"]
  repository_arns      = module.registry.repository_arns
  cluster              = { name = module.cluster.name, arn = module.cluster.arn }
  deployer_kinds       = local.access.deployer
  github               = var.github
}

module "observability" {
  source = "../../modules/observability/aws"

  name                    = local.name
  namespace               = var.namespace
  account_id              = var.account_id
  kms_key_arn             = module.kms.key_arns["logs"]
  alert_emails            = var.alert_emails
  log_retention_days      = var.log_retention_days
  kafka_cluster_name      = module.kafka.cluster_name
  cache_node_ids          = module.cache.node_ids
  database_instance_id    = module.database.instance_id
  database_free_bytes_min = var.database.storage_gib * pow(1024, 3) / 10
  oidc_provider_arn       = module.cluster.oidc_provider_arn
  oidc_issuer             = module.cluster.oidc_issuer
}

module "budget" {
  source = "../../modules/budget/aws"

  name            = local.name
  environment     = var.environment
  monthly_usd     = var.monthly_budget_usd
  alert_topic_arn = module.observability.alert_topic_arn
}
