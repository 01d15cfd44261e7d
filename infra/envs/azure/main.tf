locals {
  name   = "tripline-${var.environment}"
  access = yamldecode(file("${path.module}/../../access.yaml"))
  topics = { for name, topic in local.access.topics : "${local.access.topic_prefix}${name}" => topic }

  # Vault names have at most 24 characters, so they contain only one letter of the environment's name.
  vault_suffix = "${substr(var.environment, 0, 1)}-${var.suffix}"
  flat_name    = "tripline${var.environment}${var.suffix}"
  files_name   = "tripline${var.suffix}${substr(var.environment, 0, 1)}files"

  # PostgreSQL identifies an identity by its name.
  database_users = { for service, uses in local.access.services : service => module.identity.names[service] if uses.database }

  cache_clients = { for service, uses in local.access.services : service => module.identity.principal_ids[service] if uses.cache }
}

data "azurerm_client_config" "this" {}

resource "azurerm_resource_group" "this" {
  name     = local.name
  location = var.location

  tags = {
    project     = "tripline"
    environment = var.environment
  }
}

resource "azurerm_management_lock" "this" {
  count = var.protected ? 1 : 0

  name       = "no-deletion"
  scope      = azurerm_resource_group.this.id
  lock_level = "CanNotDelete"
  notes      = "Remove this lock before you delete anything."
}

module "network" {
  source = "../../modules/network/azure"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  cidr                = var.network.cidr
}

module "kms" {
  source = "../../modules/kms/azure"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  vault_name          = "tl-keys-${local.vault_suffix}"
  tenant_id           = data.azurerm_client_config.this.tenant_id
  operator_cidrs      = var.operator_cidrs
  operator_object_id  = data.azurerm_client_config.this.object_id
  endpoint_subnet_id  = module.network.subnet_ids["endpoints"]
  private_zone_id     = module.network.private_zone_ids["vault"]
}

module "registry" {
  source = "../../modules/registry/azure"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  registry_name       = local.flat_name
  zone_redundant      = length(var.cluster.zones) > 1
  key                 = module.kms.keys["registry"]
  endpoint_subnet_id  = module.network.subnet_ids["endpoints"]
  private_zone_id     = module.network.private_zone_ids["registry"]
  pusher_cidrs        = var.operator_cidrs
}

module "cluster" {
  source = "../../modules/cluster/azure"

  name                       = local.name
  resource_group_name        = azurerm_resource_group.this.name
  location                   = var.location
  kubernetes_version         = var.cluster.kubernetes_version
  sku_tier                   = var.cluster.sku_tier
  zones                      = var.cluster.zones
  node_pools                 = var.cluster.node_pools
  nodes_subnet_id            = module.network.subnet_ids["nodes"]
  api_subnet_id              = module.network.subnet_ids["api"]
  pod_cidr                   = var.network.pod_cidr
  service_cidr               = var.network.service_cidr
  admin_group_object_ids     = var.admin_group_object_ids
  secrets_key                = module.kms.cluster_key
  volumes_key                = module.kms.keys["volumes"]
  log_analytics_workspace_id = module.observability.log_analytics_workspace_id
  registry_id                = module.registry.id
}

module "objectstore" {
  source = "../../modules/objectstore/azure"

  name                   = local.name
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.location
  account_name           = local.flat_name
  replication_type       = var.objectstore.replication_type
  key                    = module.kms.keys["objects"]
  endpoint_subnet_id     = module.network.subnet_ids["endpoints"]
  private_zone_id        = module.network.private_zone_ids["blob"]
  lake_topics            = [for name, topic in local.access.topics : name if contains(topic.readers, "archive")]
  lake_tiering_days      = var.objectstore.lake_tiering_days
  dataset_retention_days = var.objectstore.dataset_retention_days
}

module "files" {
  source = "../../modules/files/azure"

  name                   = local.name
  resource_group_name    = azurerm_resource_group.this.name
  location               = var.location
  account_name           = local.files_name
  storage_class_name     = "tripline-files"
  replication_type       = var.files.replication_type
  deleted_retention_days = 30
  key                    = module.kms.keys["files"]
  cluster_principal_id   = module.cluster.principal_id
  endpoint_subnet_id     = module.network.subnet_ids["endpoints"]
  private_zone_id        = module.network.private_zone_ids["files"]
  keep_volumes           = var.protected
}

module "identity" {
  source = "../../modules/identity/azure"

  name                  = local.name
  resource_group_name   = azurerm_resource_group.this.name
  location              = var.location
  tenant_id             = data.azurerm_client_config.this.tenant_id
  namespace             = var.namespace
  services              = local.access.services
  oidc_issuer_url       = module.cluster.oidc_issuer_url
  container_ids         = module.objectstore.container_ids
  personal_key_scope_id = module.kms.personal_key.scope_id
  vault_suffix          = local.vault_suffix
  endpoint_subnet_id    = module.network.subnet_ids["endpoints"]
  private_zone_id       = module.network.private_zone_ids["vault"]
  cluster_id            = module.cluster.id
  registry_id           = module.registry.id
  deployer_kinds        = local.access.deployer
  github                = var.github
}

module "kafka" {
  source = "../../modules/kafka/azure"

  name                = local.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  namespace_name      = "${local.name}-${var.suffix}"
  processing_units    = var.kafka.processing_units
  topics              = local.topics
  principals          = module.identity.principal_ids
  key                 = module.kms.keys["kafka"]
  endpoint_subnet_id  = module.network.subnet_ids["endpoints"]
  private_zone_id     = module.network.private_zone_ids["kafka"]
}

module "cache" {
  source = "../../modules/cache/azure"

  name                      = local.name
  resource_group_name       = azurerm_resource_group.this.name
  location                  = var.location
  sku_name                  = var.cache.sku_name
  high_availability_enabled = var.cache.high_availability_enabled
  key                       = module.kms.keys["cache"]
  endpoint_subnet_id        = module.network.subnet_ids["endpoints"]
  private_zone_id           = module.network.private_zone_ids["cache"]
  clients                   = local.cache_clients
}

module "database" {
  source = "../../modules/database/azure"

  resource_group_name          = azurerm_resource_group.this.name
  location                     = var.location
  server_name                  = "${local.name}-${var.suffix}"
  engine_version               = var.database.engine_version
  sku_name                     = var.database.sku_name
  storage_mib                  = var.database.storage_mib
  highly_available             = var.database.highly_available
  backup_retention_days        = var.database.backup_retention_days
  geo_redundant_backup_enabled = false
  subnet_id                    = module.network.subnet_ids["database"]
  private_zone_id              = module.network.private_zone_ids["database"]
  key                          = module.kms.keys["database"]
  tenant_id                    = data.azurerm_client_config.this.tenant_id
  administrator                = var.database_administrator
}

module "observability" {
  source = "../../modules/observability/azure"

  name                 = local.name
  resource_group_name  = azurerm_resource_group.this.name
  location             = var.location
  namespace            = var.namespace
  log_retention_days   = var.log_retention_days
  alert_emails         = var.alert_emails
  kafka_namespace_id   = module.kafka.namespace_id
  cache_id             = module.cache.id
  database_id          = module.database.id
  storage_account_id   = module.objectstore.account_id
  collector_issuer_url = module.cluster.oidc_issuer_url
}

module "budget" {
  source = "../../modules/budget/azure"

  name              = local.name
  resource_group_id = azurerm_resource_group.this.id
  monthly_amount    = var.budget.monthly_amount
  start_date        = var.budget.start_date
  action_group_id   = module.observability.action_group_id
}
