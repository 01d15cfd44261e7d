# Workflows sign in with the token that GitHub issues to a job in a protected environment. No key is stored anywhere.

resource "azurerm_user_assigned_identity" "deployer" {
  count = var.github == null ? 0 : 1

  name                = "${var.name}-deployer"
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_federated_identity_credential" "deployer" {
  for_each = toset(var.github == null ? [] : var.github.environments)

  name                      = "github-${each.key}"
  user_assigned_identity_id = azurerm_user_assigned_identity.deployer[0].id
  issuer                    = "https://token.actions.githubusercontent.com"
  subject                   = "repo:${var.github.repository}:environment:${each.key}"
  audience                  = ["api://AzureADTokenExchange"]
}

# Finds the cluster, and writes only in the namespace of the services.
locals {
  deployer_roles = var.github == null ? {} : {
    cluster   = { scope = var.cluster_id, role = "Azure Kubernetes Service Cluster User Role" }
    namespace = { scope = "${var.cluster_id}/namespaces/${var.namespace}", role = "Azure Kubernetes Service RBAC Admin" }
    registry  = { scope = var.registry_id, role = "AcrPush" }
  }
}

resource "azurerm_role_assignment" "deployer" {
  for_each = local.deployer_roles

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.deployer[0].principal_id
  principal_type       = "ServicePrincipal"
}

# Azure's built-in role covers operators' kinds only with a wildcard; this one names them, as on the other clouds.
locals {
  kubernetes_namespace = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = var.namespace, labels = { "pod-security.kubernetes.io/enforce" = "restricted" } }
  }

  deployer_role = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "Role"
    metadata   = { name = "deployer", namespace = var.namespace }
    rules = [for group, kinds in var.deployer_kinds : {
      apiGroups = [group]
      resources = kinds
      verbs     = ["create", "delete", "get", "list", "patch", "update", "watch"]
    }]
  }

  deployer_binding = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = "deployer", namespace = var.namespace }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "deployer" }
    # AKS identifies an identity by its object id.
    subjects = [for identity in azurerm_user_assigned_identity.deployer : {
      apiGroup = "rbac.authorization.k8s.io"
      kind     = "User"
      name     = identity.principal_id
    }]
  }

  deployer_objects = [for object in [local.deployer_role, local.deployer_binding] : object if var.github != null]
}
