# There are no passwords: services and users sign in with Entra tokens.

locals {
  parameters = {
    "log_checkpoints"            = "on"
    "log_connections"            = "on"
    "log_min_duration_statement" = "500"
    "log_statement"              = "ddl"
    "require_secure_transport"   = "on"
  }
}

resource "azurerm_postgresql_flexible_server" "this" {
  # checkov:skip=CKV2_AZURE_57: The server is in a delegated subnet of the virtual network, which replaces a private endpoint.
  # checkov:skip=CKV_AZURE_136: A variable enables geo-redundant backups: they need a second key in the paired region, and depend on your costs and laws.
  name                          = var.server_name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  version                       = var.engine_version
  sku_name                      = var.sku_name
  storage_mb                    = var.storage_mib
  auto_grow_enabled             = true
  backup_retention_days         = var.backup_retention_days
  geo_redundant_backup_enabled  = var.geo_redundant_backup_enabled
  delegated_subnet_id           = var.subnet_id
  private_dns_zone_id           = var.private_zone_id
  public_network_access_enabled = false

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = var.tenant_id
  }

  customer_managed_key {
    key_vault_key_id                  = var.key.key_id
    primary_user_assigned_identity_id = var.key.identity_id
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [var.key.identity_id]
  }

  maintenance_window {
    day_of_week  = 0
    start_hour   = 3
    start_minute = 0
  }

  dynamic "high_availability" {
    for_each = var.highly_available ? ["ZoneRedundant"] : []

    content {
      mode = high_availability.value
    }
  }

  # Azure chooses the zones and swaps them after a failover; the disk grows automatically.
  lifecycle {
    ignore_changes = [high_availability[0].standby_availability_zone, storage_mb, zone]
  }
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "this" {
  server_name         = azurerm_postgresql_flexible_server.this.name
  resource_group_name = var.resource_group_name
  tenant_id           = var.tenant_id
  object_id           = var.administrator.object_id
  principal_name      = var.administrator.name
  principal_type      = var.administrator.type
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = local.parameters

  server_id = azurerm_postgresql_flexible_server.this.id
  name      = each.key
  value     = each.value
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  server_id = azurerm_postgresql_flexible_server.this.id
  name      = "tripline"
  charset   = "UTF8"
  collation = "en_US.utf8"
}
