# Event Hubs supports Kafka's protocol on port 9093. Only the Premium tier keeps records for 90 days, with a customer's key and
# behind a private endpoint. A topic is an event hub, and permissions are Entra roles on that event hub only.

locals {
  grants = merge(flatten([for topic, access in var.topics : [
    { for service in access.writers : "${topic}/${service}/send" => { topic = topic, service = service, role = "Azure Event Hubs Data Sender" } },
    { for service in access.readers : "${topic}/${service}/receive" => { topic = topic, service = service, role = "Azure Event Hubs Data Receiver" } },
  ]])...)
}

resource "azurerm_eventhub_namespace" "this" {
  name                          = var.namespace_name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  sku                           = "Premium"
  capacity                      = var.processing_units
  minimum_tls_version           = "1.2"
  local_authentication_enabled  = false
  public_network_access_enabled = false

  identity {
    type         = "UserAssigned"
    identity_ids = [var.key.identity_id]
  }

  network_rulesets {
    default_action                 = "Deny"
    public_network_access_enabled  = false
    trusted_service_access_enabled = true
  }
}

resource "azurerm_eventhub_namespace_customer_managed_key" "this" {
  eventhub_namespace_id             = azurerm_eventhub_namespace.this.id
  key_vault_key_ids                 = [var.key.key_id]
  user_assigned_identity_id         = var.key.identity_id
  infrastructure_encryption_enabled = true
}

resource "azurerm_eventhub" "topic" {
  for_each = var.topics

  name            = each.key
  namespace_id    = azurerm_eventhub_namespace.this.id
  partition_count = each.value.partitions

  retention_description {
    cleanup_policy          = each.value.retention_days == null ? "Compact" : "Delete"
    retention_time_in_hours = each.value.retention_days == null ? null : each.value.retention_days * 24
  }

  # The key can only be set while the namespace is empty.
  depends_on = [azurerm_eventhub_namespace_customer_managed_key.this]
}

resource "azurerm_role_assignment" "service" {
  for_each = local.grants

  scope                = azurerm_eventhub.topic[each.value.topic].id
  role_definition_name = each.value.role
  principal_id         = var.principals[each.value.service]
  principal_type       = "ServicePrincipal"
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-kafka"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "kafka"
    private_connection_resource_id = azurerm_eventhub_namespace.this.id
    subresource_names              = ["namespace"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "kafka"
    private_dns_zone_ids = [var.private_zone_id]
  }
}
