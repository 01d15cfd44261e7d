# Each service gets only what infra/access.yaml grants it.

mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email     = "service@tripline-test.iam.gserviceaccount.com"
      member    = "serviceAccount:service@tripline-test.iam.gserviceaccount.com"
      name      = "projects/tripline-test/serviceAccounts/service@tripline-test.iam.gserviceaccount.com"
      unique_id = "112233445566778899000"
    }
  }
}

variables {
  name                = "tripline-test"
  project_id          = "tripline-test"
  region              = "europe-west3"
  namespace           = "tripline"
  services            = yamldecode(file("../../../access.yaml")).services
  workload_pool       = "tripline-test.svc.id.goog"
  bucket_names        = { lake = "lake", models = "models", datasets = "datasets", anchors = "anchors", attachments = "attachments" }
  personal_kms_key_id = "projects/p/locations/l/keyRings/r/cryptoKeys/personal"
  secrets_kms_key_id  = "projects/p/locations/l/keyRings/r/cryptoKeys/secrets"
  repository_id       = "tripline-test"
  deployer_kinds      = yamldecode(file("../../../access.yaml")).deployer
  github              = { repository = "acme/tripline", environments = ["staging"] }
}

run "least_privilege" {
  assert {
    condition     = alltrue([for service, member in google_service_account_iam_member.workload : member.member == "serviceAccount:tripline-test.svc.id.goog[tripline/tripline-${service}]"])
    error_message = "An identity may be used only by the Kubernetes service account of its service."
  }

  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.service)) == "archive/lake console/attachments console/models control/anchors control/models decisions/models features/lake iceberg/lake scoring/models snapshots/lake training/datasets training/lake training/models"
    error_message = "Ingestion and auth must not use buckets."
  }

  assert {
    condition     = google_storage_bucket_iam_member.service["scoring/models"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.service["training/lake"].role == "roles/storage.objectViewer"
    error_message = "Scoring must not change models, training must not change the lake."
  }

  assert {
    condition     = join(" ", keys(google_secret_manager_secret_iam_member.service)) == "auth/bootstrap-clients auth/bootstrap-people auth/console-client-secret auth/key-encryption-key auth/postgres-url console/session-key control/audit-signing-key ingestion/card-token-key"
    error_message = "Only the service that a secret belongs to may read it."
  }

  assert {
    condition = jsonencode({ for service, member in google_kms_crypto_key_iam_member.personal : service => member.role }) == jsonencode({
      control = "roles/cloudkms.cryptoKeyEncrypterDecrypter", ingestion = "roles/cloudkms.cryptoKeyEncrypter"
    })
    error_message = "Ingestion must wrap personal data keys and not unwrap them."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.sub == 'repo:acme/tripline:environment:staging'"
    error_message = "Other repositories and other jobs must not have access."
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
    condition     = join(" ", sort([for object in output.kubernetes_objects : "${object.roleRef.kind}/${object.roleRef.name}" if object.kind == "RoleBinding"])) == "ClusterRole/admin Role/deployer"
    error_message = "The deployer must have Kubernetes' admin role and access to the custom resources of the operators."
  }

  assert {
    condition     = join(" ", distinct(flatten([for object in output.kubernetes_objects : object.subjects[*].name if object.kind == "RoleBinding"]))) == "service@tripline-test.iam.gserviceaccount.com 112233445566778899000"
    error_message = "GKE identifies the deployer by its email address or its number."
  }

  assert {
    condition     = google_project_iam_member.deployer[0].role == "roles/container.clusterViewer"
    error_message = "IAM roles apply to every namespace, so the deployer's must not allow writes."
  }
}

run "no_github_no_deployer" {
  variables {
    github = null
  }

  assert {
    condition     = output.deployer == null && length(google_service_account.deployer) == 0
    error_message = "Without a repository nobody may deploy."
  }

  assert {
    condition     = join(" ", [for object in output.kubernetes_objects : object.kind]) == "Namespace"
    error_message = "Without a repository, nobody may have permissions in the namespace."
  }
}
