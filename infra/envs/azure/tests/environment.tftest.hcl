# Plans every environment with a mock provider, so no subscription is needed: tofu test -var-file=dev.tfvars.

mock_provider "azurerm" {
  mock_resource "azurerm_monitor_data_collection_rule" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Insights/dataCollectionRules/tripline" }
  }

  mock_data "azurerm_client_config" {
    defaults = {
      tenant_id = "00000000-0000-0000-0000-000000000003"
      object_id = "00000000-0000-0000-0000-000000000004"
    }
  }

  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline" }
  }

  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline" }
  }

  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/one" }
  }

  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/networkSecurityGroups/one" }
  }

  mock_resource "azurerm_public_ip" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/publicIPAddresses/nat" }
  }

  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/natGateways/tripline" }
  }

  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com" }
  }

  mock_resource "azurerm_key_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline" }
  }

  mock_resource "azurerm_key_vault_key" {
    defaults = {
      id                      = "https://tripline.vault.azure.net/keys/one/00000000000000000000000000000000"
      versionless_id          = "https://tripline.vault.azure.net/keys/one"
      resource_versionless_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline/keys/one"
    }
  }

  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
      principal_id = "00000000-0000-0000-0000-000000000001"
      client_id    = "00000000-0000-0000-0000-000000000002"
    }
  }

  mock_resource "azurerm_container_registry" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerRegistry/registries/tripline" }
  }

  mock_resource "azurerm_disk_encryption_set" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Compute/diskEncryptionSets/tripline" }
  }

  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerService/managedClusters/tripline"
      oidc_issuer_url = "https://oidc.example.com/0000/"
    }
  }

  mock_resource "azurerm_storage_account" {
    defaults = {
      id                    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline"
      primary_blob_endpoint = "https://tripline.blob.core.windows.net/"
    }
  }

  mock_resource "azurerm_storage_container" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/one" }
  }

  mock_resource "azurerm_eventhub_namespace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.EventHub/namespaces/tripline" }
  }

  mock_resource "azurerm_eventhub" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.EventHub/namespaces/tripline/eventhubs/one" }
  }

  mock_resource "azurerm_managed_redis" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Cache/redisEnterprise/tripline" }
  }

  mock_resource "azurerm_postgresql_flexible_server" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.DBforPostgreSQL/flexibleServers/tripline" }
  }

  mock_resource "azurerm_log_analytics_workspace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.OperationalInsights/workspaces/tripline" }
  }

  mock_resource "azurerm_monitor_workspace" {
    defaults = {
      id                                  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Monitor/accounts/tripline"
      default_data_collection_endpoint_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Insights/dataCollectionEndpoints/tripline"
      default_data_collection_rule_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Insights/dataCollectionRules/tripline"
    }
  }

  mock_resource "azurerm_monitor_action_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Insights/actionGroups/tripline" }
  }
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  suffix          = "a1b2c3"
  location        = "germanywestcentral"
  alert_emails    = ["alerts@example.com"]
  github          = { repository = "acme/tripline", environments = ["staging"] }
}

run "environment" {
  assert {
    condition     = join(" ", keys(output.helm_values.serviceAccounts)) == "archive auth console control decisions features iceberg ingestion scoring snapshots training"
    error_message = "Every service needs its own identity."
  }

  assert {
    condition     = output.helm_values.nodePools["training"].dedicated && output.helm_values.nodePools["serving"].dedicated
    error_message = "Training and serving need separate node pools."
  }

  assert {
    condition     = output.helm_values.kafka.bootstrapServers == "tripline-${var.environment}-a1b2c3.servicebus.windows.net:9093"
    error_message = "Event Hubs serves Kafka on port 9093."
  }

  assert {
    condition     = output.helm_values.postgres.user == "tripline-${var.environment}-auth"
    error_message = "PostgreSQL must identify auth by the name of its identity."
  }

  assert {
    condition     = !output.helm_values.kafka.createTopics
    error_message = "The topics are created here, and no service may create them."
  }

  assert {
    condition     = output.helm_values.lake.storageClass == output.kubernetes_objects.items[0].metadata.name && output.helm_values.registry.storageClass == output.helm_values.lake.storageClass
    error_message = "The chart's volumes need the StorageClass created here."
  }

  assert {
    condition     = contains([for object in output.kubernetes_objects.items : object.metadata.name if object.kind == "Namespace"], output.helm_values.namespace)
    error_message = "The services' namespace must exist before its contents."
  }

  assert {
    condition     = var.environment == "dev" || (output.kubernetes_objects.items[0].reclaimPolicy == "Retain" && output.kubernetes_objects.items[0].parameters.skuName == "Premium_ZRS")
    error_message = "In staging and prod, the lake must be in three zones and outlive its claim."
  }

  assert {
    condition     = join(" ", keys(output.helm_values.secretStore.locations)) == "auth ingestion"
    error_message = "Only services with secrets may have a vault."
  }

  assert {
    condition     = alltrue([for vault in values(output.helm_values.secretStore.locations) : length(vault) <= 24])
    error_message = "A vault's name must have at most 24 characters."
  }

  assert {
    condition     = var.environment == "dev" || (var.protected && var.database.highly_available && var.cache.high_availability_enabled && length(var.cluster.zones) == 3)
    error_message = "Staging and prod must survive the loss of a zone and refuse deletion."
  }
}

run "wrong_environment_is_refused" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "archive_tier_over_zones_is_refused" {
  command = plan

  variables {
    objectstore = {
      replication_type       = "ZRS"
      lake_tiering_days      = { cold = 90, archive = 365 }
      dataset_retention_days = 90
    }
  }

  expect_failures = [var.objectstore]
}
