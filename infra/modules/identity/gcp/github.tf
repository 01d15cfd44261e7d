# Workflows sign in with the token that GitHub issues to a job in a protected environment. No key is stored anywhere.

resource "google_iam_workload_identity_pool" "github" {
  count = var.github == null ? 0 : 1

  workload_identity_pool_id = "${var.name}-github"
  project                   = var.project_id
  display_name              = "GitHub Actions"
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125: The condition names the full subject of each environment; the check cannot follow the expression.
  count = var.github == null ? 0 : 1

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  project                            = var.project_id

  # Only jobs of the named environments of this repository can sign in.
  attribute_condition = join(" || ", [
    for environment in var.github.environments : "assertion.sub == 'repo:${var.github.repository}:environment:${environment}'"
  ])

  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.repository"  = "assertion.repository"
    "attribute.environment" = "assertion.environment"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  count = var.github == null ? 0 : 1

  account_id   = "${var.name}-deployer"
  project      = var.project_id
  display_name = "Deploys ${var.name}"
}

resource "google_service_account_iam_member" "deployer" {
  for_each = toset(var.github == null ? [] : var.github.environments)

  service_account_id = google_service_account.deployer[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/subject/repo:${var.github.repository}:environment:${each.key}"
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  count = var.github == null ? 0 : 1

  project    = var.project_id
  location   = var.region
  repository = var.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer[0].member
}

# Finds the cluster and signs in to it. The RoleBindings below define what it may do, in the namespace of the services.
resource "google_project_iam_member" "deployer" {
  count = var.github == null ? 0 : 1

  project = var.project_id
  role    = "roles/container.clusterViewer"
  member  = google_service_account.deployer[0].member
}

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

  # GKE identifies an account by its address, or by its number if a token does not contain the address.
  deployer_subjects = [for name in flatten([for account in google_service_account.deployer : [account.email, account.unique_id]]) : {
    apiGroup = "rbac.authorization.k8s.io"
    kind     = "User"
    name     = name
  }]

  # IAM's roles apply to every namespace, so this also grants the usual permissions, in one namespace.
  deployer_bindings = [for name, role in { deployer = ["Role", "deployer"], deployer-admin = ["ClusterRole", "admin"] } : {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = name, namespace = var.namespace }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = role[0], name = role[1] }
    subjects   = local.deployer_subjects
  }]

  deployer_objects = [for object in concat([local.deployer_role], local.deployer_bindings) : object if var.github != null]
}
