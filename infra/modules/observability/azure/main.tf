# Metrics go to a Monitor workspace (Prometheus), logs to Log Analytics. The OpenTelemetry collector writes metrics with its
# own identity. The alerts monitor what the services cannot: the stores that they use. The chart contains the alerts on the
# services' own metrics.

resource "azurerm_log_analytics_workspace" "this" {
  name                         = var.name
  resource_group_name          = var.resource_group_name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  local_authentication_enabled = false
}

resource "azurerm_monitor_workspace" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_user_assigned_identity" "collector" {
  name                = "${var.name}-collector"
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_federated_identity_credential" "collector" {
  name                      = "kubernetes"
  user_assigned_identity_id = azurerm_user_assigned_identity.collector.id
  issuer                    = var.collector_issuer_url
  subject                   = "system:serviceaccount:${var.namespace}:tripline-collector"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_role_assignment" "collector" {
  scope                = azurerm_monitor_workspace.this.default_data_collection_rule_id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = azurerm_user_assigned_identity.collector.principal_id
  principal_type       = "ServicePrincipal"
}

# Azure creates both with the workspace, in a separate resource group.
locals {
  endpoint = split("/", azurerm_monitor_workspace.this.default_data_collection_endpoint_id)
  rule     = split("/", azurerm_monitor_workspace.this.default_data_collection_rule_id)
}

data "azurerm_monitor_data_collection_endpoint" "this" {
  resource_group_name = local.endpoint[4]
  name                = local.endpoint[8]
}

data "azurerm_monitor_data_collection_rule" "this" {
  resource_group_name = local.rule[4]
  name                = local.rule[8]
}

locals {
  # Logs of each store. Logging every read and write of objects and records would cost more than it is worth.
  logged = {
    database = { id = var.database_id, categories = ["PostgreSQLLogs"] }
    kafka    = { id = var.kafka_namespace_id, categories = ["OperationalLogs", "RuntimeAuditLogs"] }
    objects  = { id = "${var.storage_account_id}/blobServices/default", categories = ["StorageDelete", "StorageWrite"] }
  }
}

resource "azurerm_monitor_diagnostic_setting" "store" {
  for_each = local.logged

  name                       = "tripline"
  target_resource_id         = each.value.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  dynamic "enabled_log" {
    for_each = toset(each.value.categories)

    content {
      category = enabled_log.key
    }
  }
}
