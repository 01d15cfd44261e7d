# One account with a container per kind of data, because permissions and retention differ: the lake is written once and becomes
# cold, models are small and must be kept, data sets can be recreated, anchors prove the audit log, and attachments are case files.
# There are no account keys to steal.

locals {
  containers = toset(["lake", "models", "datasets", "anchors", "attachments"])
}

resource "azurerm_storage_account" "this" {
  # checkov:skip=CKV_AZURE_33: There are no queues in this account.
  # checkov:skip=CKV_AZURE_206: LRS is for environments with the archive tier, which Azure offers only without zones; see infra/README.md.
  name                              = var.account_name
  resource_group_name               = var.resource_group_name
  location                          = var.location
  account_kind                      = "StorageV2"
  account_tier                      = "Standard"
  account_replication_type          = var.replication_type
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  allow_nested_items_to_be_public   = false
  shared_access_key_enabled         = false
  local_user_enabled                = false
  default_to_oauth_authentication   = true
  cross_tenant_replication_enabled  = false
  public_network_access_enabled     = false
  infrastructure_encryption_enabled = true

  identity {
    type         = "UserAssigned"
    identity_ids = [var.key.identity_id]
  }

  customer_managed_key {
    key_vault_key_id          = var.key.versionless_key_id
    user_assigned_identity_id = var.key.identity_id
  }

  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
  }

  sas_policy {
    expiration_period = "00.01:00:00"
    expiration_action = "Block"
  }

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 30
    }

    container_delete_retention_policy {
      days = 30
    }
  }
}

resource "azurerm_storage_container" "this" {
  # checkov:skip=CKV2_AZURE_21: The account's diagnostic setting in modules/observability/azure logs reads and writes to Log Analytics.
  for_each = local.containers

  name                  = each.key
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  rule {
    name    = "tier-lake-by-age"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
      # The files described in packages/lake/src/lake-layout.ts, but not the log next to them, which is read repeatedly.
      prefix_match = [for topic in var.lake_topics : "lake/${topic}/day="]
    }

    actions {
      base_blob {
        tier_to_cold_after_days_since_creation_greater_than    = var.lake_tiering_days.cold
        tier_to_archive_after_days_since_creation_greater_than = var.lake_tiering_days.archive
      }
    }
  }

  rule {
    name    = "expire-datasets"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["datasets/"]
    }

    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = var.dataset_retention_days
      }
    }
  }

  rule {
    name    = "old-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = 30
      }
    }
  }
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-blob"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "blob"
    private_connection_resource_id = azurerm_storage_account.this.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "blob"
    private_dns_zone_ids = [var.private_zone_id]
  }
}
