# The account that holds the state of all environments of one subscription. Run once, with local state, by a person:
#   tofu init && tofu apply -var subscription_id=… -var location=… -var suffix=… -var operator_cidrs=… -var operator_object_ids=…
# Its own small state may be lost: `tofu import` recovers everything.

resource "azurerm_resource_group" "state" {
  name     = "tripline-state"
  location = var.location
}

resource "azurerm_storage_account" "state" {
  # checkov:skip=CKV_AZURE_33: There are no queues in this account.
  # checkov:skip=CKV_AZURE_59: Operators connect from the ranges in operator_cidrs, because the private network does not exist yet.
  # checkov:skip=CKV2_AZURE_1: A customer-managed key needs a vault, whose own state would have to be stored first.
  # checkov:skip=CKV2_AZURE_33: As for CKV_AZURE_59.
  name                              = "triplinestate${var.suffix}"
  resource_group_name               = azurerm_resource_group.state.name
  location                          = azurerm_resource_group.state.location
  account_kind                      = "StorageV2"
  account_tier                      = "Standard"
  account_replication_type          = "GZRS"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  allow_nested_items_to_be_public   = false
  shared_access_key_enabled         = false
  local_user_enabled                = false
  default_to_oauth_authentication   = true
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true

  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
    ip_rules       = var.operator_cidrs
  }

  sas_policy {
    expiration_period = "00.01:00:00"
    expiration_action = "Block"
  }

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 180
    }

    container_delete_retention_policy {
      days = 180
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "state" {
  # checkov:skip=CKV2_AZURE_21: There is no workspace for logs until the environments exist.
  name                  = "state"
  storage_account_id    = azurerm_storage_account.state.id
  container_access_type = "private"
}

resource "azurerm_role_assignment" "operator" {
  for_each = var.operator_object_ids

  scope                = azurerm_storage_container.state.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = each.key
}
