# No clustering: all keys of a batch must be on one server (docs/architecture.md, "Limits known today").

resource "azurerm_managed_redis" "this" {
  name                      = var.name
  resource_group_name       = var.resource_group_name
  location                  = var.location
  sku_name                  = var.sku_name
  high_availability_enabled = var.high_availability_enabled
  public_network_access     = "Disabled"

  identity {
    type         = "UserAssigned"
    identity_ids = [var.key.identity_id]
  }

  customer_managed_key {
    key_vault_key_id          = var.key.key_id
    user_assigned_identity_id = var.key.identity_id
  }

  # Window states must never be evicted: a full cache rejects writes, and the features service waits. They are persisted if there is a
  # replica; dev may lose them and rebuild them from the lake.
  default_database {
    access_keys_authentication_enabled            = false
    client_protocol                               = "Encrypted"
    clustering_policy                             = "NoCluster"
    eviction_policy                               = "NoEviction"
    persistence_append_only_file_backup_frequency = var.high_availability_enabled ? "1s" : null
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "client" {
  for_each = var.clients

  managed_redis_id = azurerm_managed_redis.this.id
  object_id        = each.value
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-cache"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "cache"
    private_connection_resource_id = azurerm_managed_redis.this.id
    subresource_names              = ["redisEnterprise"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "cache"
    private_dns_zone_ids = [var.private_zone_id]
  }
}
