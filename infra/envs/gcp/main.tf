locals {
  name   = "tripline-${var.environment}"
  access = yamldecode(file("${path.module}/../../access.yaml"))
  topics = { for name, topic in local.access.topics : "${local.access.topic_prefix}${name}" => topic }

  cache_clients    = { for service, uses in local.access.services : service => module.identity.emails[service] if uses.cache }
  database_clients = { for service, uses in local.access.services : service => module.identity.emails[service] if uses.database }
}

data "google_project" "this" {
  project_id = var.project_id
}

module "kms" {
  source = "../../modules/kms/gcp"

  name           = local.name
  project_id     = var.project_id
  project_number = data.google_project.this.number
  region         = var.region
}

module "network" {
  source = "../../modules/network/gcp"

  name       = local.name
  project_id = var.project_id
  region     = var.region
  cidr       = var.network.cidr
  pod_cidr   = var.network.pod_cidr
}

module "cluster" {
  source = "../../modules/cluster/gcp"

  name                = local.name
  project_id          = var.project_id
  region              = var.region
  node_zones          = var.cluster.node_zones
  release_channel     = var.cluster.release_channel
  node_pools          = var.cluster.node_pools
  network_id          = module.network.network_id
  subnet_id           = module.network.nodes_subnet_id
  control_plane_cidr  = var.network.control_plane_cidr
  api_client_cidrs    = var.api_client_cidrs
  secrets_kms_key_id  = module.kms.key_ids["cluster"]
  volumes_kms_key_id  = module.kms.key_ids["volumes"]
  deletion_protection = var.protected
}

module "objectstore" {
  source = "../../modules/objectstore/gcp"

  name                   = local.name
  project_id             = var.project_id
  region                 = var.region
  kms_key_id             = module.kms.key_ids["objects"]
  lake_topics            = [for name, topic in local.access.topics : name if contains(topic.readers, "archive")]
  lake_tiering_days      = var.objectstore.lake_tiering_days
  dataset_retention_days = var.objectstore.dataset_retention_days
  force_destroy          = !var.protected
}

module "files" {
  source = "../../modules/files/gcp"

  storage_class_name  = "tripline-files"
  region              = var.region
  tier                = var.files.tier
  network_name        = module.network.peered_network.name
  reserved_range_name = module.network.peered_network.range_name
  kms_key_id          = module.kms.key_ids["files"]
  keep_volumes        = var.protected
}

module "registry" {
  source = "../../modules/registry/gcp"

  name       = local.name
  project_id = var.project_id
  region     = var.region
  kms_key_id = module.kms.key_ids["registry"]
}

module "identity" {
  source = "../../modules/identity/gcp"

  name                = local.name
  project_id          = var.project_id
  region              = var.region
  namespace           = var.namespace
  services            = local.access.services
  workload_pool       = module.cluster.workload_pool
  bucket_names        = module.objectstore.bucket_names
  personal_kms_key_id = module.kms.key_ids["personal"]
  secrets_kms_key_id  = module.kms.key_ids["secrets"]
  repository_id       = module.registry.repository_id
  deployer_kinds      = local.access.deployer
  github              = var.github
}

module "kafka" {
  source = "../../modules/kafka/gcp"

  name       = local.name
  project_id = var.project_id
  region     = var.region
  vcpu_count = var.kafka.vcpu_count
  memory_gib = var.kafka.memory_gib
  subnet_id  = module.network.endpoints_subnet_id
  kms_key_id = module.kms.key_ids["kafka"]
  topics     = local.topics
  principals = module.identity.emails
  protected  = var.protected

  group_prefix = local.access.topic_prefix
  lag_watchers = local.access.lag_watchers
}

module "cache" {
  source = "../../modules/cache/gcp"

  name                  = local.name
  project_id            = var.project_id
  region                = var.region
  engine_version        = var.cache.engine_version
  node_type             = var.cache.node_type
  replica_count         = var.cache.replica_count
  backup_retention_days = var.cache.backup_retention_days
  network_id            = module.network.memorystore_network_id
  kms_key_id            = module.kms.key_ids["cache"]
  deletion_protection   = var.protected
  clients               = local.cache_clients
}

module "database" {
  source = "../../modules/database/gcp"

  name                = local.name
  project_id          = var.project_id
  region              = var.region
  database_version    = var.database.database_version
  edition             = var.database.edition
  tier                = var.database.tier
  disk_gib            = var.database.disk_gib
  disk_gib_max        = var.database.disk_gib_max
  highly_available    = var.database.highly_available
  backups_kept        = var.database.backups_kept
  network_id          = module.network.peered_network_id
  kms_key_id          = module.kms.key_ids["database"]
  deletion_protection = var.protected
  clients             = local.database_clients
}

module "observability" {
  source = "../../modules/observability/gcp"

  name                 = local.name
  project_id           = var.project_id
  region               = var.region
  namespace            = var.namespace
  workload_pool        = module.cluster.workload_pool
  cluster_name         = module.cluster.name
  kms_key_id           = module.kms.key_ids["logs"]
  alert_emails         = var.alert_emails
  log_retention_days   = var.log_retention_days
  kafka_cluster_id     = module.kafka.cluster_id
  cache_instance_id    = module.cache.instance_id
  database_instance_id = module.database.instance_id
}

module "budget" {
  source = "../../modules/budget/gcp"

  name                     = local.name
  billing_account          = var.billing_account
  project_number           = data.google_project.this.number
  monthly_usd              = var.monthly_budget_usd
  notification_channel_ids = module.observability.notification_channel_ids
}
