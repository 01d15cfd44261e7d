mock_provider "azurerm" {
  mock_resource "azurerm_eventhub_namespace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.EventHub/namespaces/tripline" }
  }

  mock_resource "azurerm_eventhub" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.EventHub/namespaces/tripline/eventhubs/one" }
  }
}

variables {
  name                = "tripline-test"
  resource_group_name = "tripline-test"
  location            = "germanywestcentral"
  namespace_name      = "tripline-test-a1b2c3"
  processing_units    = 1
  topics              = yamldecode(file("../../../access.yaml")).topics
  principals          = { for service in ["ingestion", "features", "scoring", "decisions", "auth", "control", "console", "archive", "training", "snapshots"] : service => "00000000-0000-0000-0000-000000000001" }
  endpoint_subnet_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
  key = {
    key_id      = "https://tripline.vault.azure.net/keys/kafka/00000000000000000000000000000000"
    identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
  }
}

run "only_the_table_grants" {
  assert {
    condition = join(" ", [for key in keys(azurerm_role_assignment.service) : key if startswith(key, "transactions/")]) == join(" ", [
      "transactions/archive/receive", "transactions/features/receive", "transactions/ingestion/send",
    ])
    error_message = "transactions: only ingestion may send, and only features and archive may receive."
  }

  assert {
    condition     = !anytrue([for key in keys(azurerm_role_assignment.service) : strcontains(key, "/scoring/") || strcontains(key, "/auth/")])
    error_message = "Scoring and auth must not use Kafka."
  }

  assert {
    condition     = join(", ", sort(distinct([for assignment in azurerm_role_assignment.service : assignment.role_definition_name]))) == "Azure Event Hubs Data Receiver, Azure Event Hubs Data Sender"
    error_message = "The event hubs are created here, and no service may create, change or delete one."
  }

  assert {
    condition     = !azurerm_eventhub_namespace.this.local_authentication_enabled && !azurerm_eventhub_namespace.this.public_network_access_enabled
    error_message = "The namespace must allow no keys and no external access."
  }

  assert {
    condition     = azurerm_eventhub.topic["labels"].retention_description[0].retention_time_in_hours == 2160
    error_message = "labels must be kept for 90 days."
  }
}

run "odd_size_is_refused" {
  command = plan

  variables {
    processing_units = 3
  }

  expect_failures = [var.processing_units]
}
