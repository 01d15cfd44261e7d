# Folders that several pods read and write: the lake, and models if there is no MLflow. A storage account for NFS shares, in
# which AKS's own driver creates a share for each claim, with the cluster's identity.

resource "azurerm_storage_account" "this" {
  # checkov:skip=CKV_AZURE_3: NFS does not use HTTPS, and Azure rejects NFS shares if only HTTPS is allowed. The account has no public access.
  # checkov:skip=CKV_AZURE_33: There are no queues in this account.
  # checkov:skip=CKV2_AZURE_38: The check is about blobs, and there are none; share_properties below keeps deleted shares.
  # checkov:skip=CKV_AZURE_206: One zone in environments with a single zone; staging and prod have three.
  name                              = var.account_name
  resource_group_name               = var.resource_group_name
  location                          = var.location
  account_kind                      = "FileStorage"
  account_tier                      = "Premium"
  account_replication_type          = var.replication_type
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = false
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

  # How long a deleted share can be restored.
  share_properties {
    retention_policy {
      days = var.deleted_retention_days
    }
  }
}

# Lets the cluster create shares, only in this account. There are no account keys that it could read.
resource "azurerm_role_assignment" "cluster" {
  scope                = azurerm_storage_account.this.id
  role_definition_name = "Storage Account Contributor"
  principal_id         = var.cluster_principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-files"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "files"
    private_connection_resource_id = azurerm_storage_account.this.id
    subresource_names              = ["file"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "files"
    private_dns_zone_ids = [var.private_zone_id]
  }
}
