# Each service gets only what infra/access.yaml grants it.

mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
      principal_id = "00000000-0000-0000-0000-000000000001"
      client_id    = "00000000-0000-0000-0000-000000000002"
    }
  }

  mock_resource "azurerm_key_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline" }
  }
}

variables {
  name                  = "tripline-test"
  resource_group_name   = "tripline-test"
  location              = "germanywestcentral"
  tenant_id             = "00000000-0000-0000-0000-000000000003"
  namespace             = "tripline"
  services              = yamldecode(file("../../../access.yaml")).services
  oidc_issuer_url       = "https://oidc.example.com/0000/"
  personal_key_scope_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline/keys/personal"
  vault_suffix          = "t-a1b2c3"
  endpoint_subnet_id    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
  cluster_id            = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerService/managedClusters/tripline"
  registry_id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerRegistry/registries/tripline"
  deployer_kinds        = yamldecode(file("../../../access.yaml")).deployer
  github                = { repository = "acme/tripline", environments = ["staging"] }
  container_ids = {
    lake        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/lake"
    models      = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/models"
    datasets    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/datasets"
    anchors     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/anchors"
    attachments = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline/blobServices/default/containers/attachments"
  }
}

run "least_privilege" {
  assert {
    condition     = alltrue([for service, credential in azurerm_federated_identity_credential.service : credential.subject == "system:serviceaccount:tripline:tripline-${service}"])
    error_message = "An identity may be used only by the Kubernetes service account of its service."
  }

  assert {
    condition     = join(" ", keys(azurerm_role_assignment.bucket)) == "archive/lake console/attachments console/models control/anchors control/models decisions/models features/lake iceberg/lake scoring/models snapshots/lake training/datasets training/lake training/models"
    error_message = "Ingestion and auth must not use containers."
  }

  assert {
    condition     = azurerm_role_assignment.bucket["scoring/models"].role_definition_name == "Storage Blob Data Reader" && azurerm_role_assignment.bucket["training/lake"].role_definition_name == "Storage Blob Data Reader"
    error_message = "Scoring must not change models, training must not change the lake."
  }

  assert {
    condition     = alltrue([for key, assignment in azurerm_role_assignment.bucket : endswith(assignment.scope, "/containers/${split("/", key)[1]}")])
    error_message = "A role must be limited to its container."
  }

  assert {
    condition     = join(" ", keys(azurerm_key_vault.service)) == "auth console control ingestion" && !anytrue([for vault in azurerm_key_vault.service : vault.public_network_access_enabled])
    error_message = "Each service with secrets must have a private vault."
  }

  assert {
    condition     = join(" ", keys(azurerm_role_assignment.wraps)) == "ingestion" && join(" ", keys(azurerm_role_assignment.unwraps)) == "control" && endswith(azurerm_role_definition.wraps.scope, "/resourceGroups/tripline")
    error_message = "Ingestion must wrap personal data keys and not unwrap them."
  }

  assert {
    condition     = azurerm_federated_identity_credential.deployer["staging"].subject == "repo:acme/tripline:environment:staging"
    error_message = "The deployer must trust the repository's environment."
  }

  assert {
    condition     = endswith(azurerm_role_assignment.deployer["namespace"].scope, "/namespaces/tripline")
    error_message = "The deployer's permissions must be limited to the services' namespace."
  }
}

run "deployer" {
  assert {
    condition = jsonencode([for object in output.kubernetes_objects : object.rules if object.kind == "Role"]) == jsonencode([[for group, kinds in yamldecode(file("../../../access.yaml")).deployer : {
      apiGroups = [group], resources = kinds, verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    }]])
    error_message = "The deployer may create only the custom resources that infra/access.yaml names."
  }

  assert {
    condition     = contains(flatten([for object in output.kubernetes_objects : [for rule in object.rules : rule.resources if rule.apiGroups[0] == "argoproj.io"] if object.kind == "Role"]), "rollouts/status")
    error_message = "A paused Rollout is promoted through its status."
  }

  assert {
    condition     = alltrue([for object in output.kubernetes_objects : object.metadata.namespace == var.namespace if object.kind != "Namespace"])
    error_message = "The deployer's permissions must be limited to the services' namespace."
  }

  assert {
    condition     = join(" ", flatten([for object in output.kubernetes_objects : object.subjects[*].name if object.kind == "RoleBinding"])) == azurerm_user_assigned_identity.deployer[0].principal_id
    error_message = "The Role must be bound to the object ID by which AKS identifies the deployer."
  }
}

run "no_github_no_deployer" {
  variables {
    github = null
  }

  assert {
    condition     = output.deployer == null && length(azurerm_role_assignment.deployer) == 0
    error_message = "Without a repository nobody may deploy."
  }

  assert {
    condition     = join(" ", [for object in output.kubernetes_objects : object.kind]) == "Namespace"
    error_message = "Without a repository, nobody may have permissions in the namespace."
  }
}
