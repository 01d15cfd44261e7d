# Each service gets what infra/access.yaml gives it, and nothing more.

mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "service@tripline-test.iam.gserviceaccount.com"
      member = "serviceAccount:service@tripline-test.iam.gserviceaccount.com"
      name   = "projects/tripline-test/serviceAccounts/service@tripline-test.iam.gserviceaccount.com"
    }
  }
}

variables {
  name               = "tripline-test"
  project_id         = "tripline-test"
  region             = "europe-west3"
  namespace          = "tripline"
  services           = yamldecode(file("../../../access.yaml")).services
  workload_pool      = "tripline-test.svc.id.goog"
  bucket_names       = { lake = "lake", models = "models", datasets = "datasets" }
  secrets_kms_key_id = "projects/p/locations/l/keyRings/r/cryptoKeys/secrets"
  repository_id      = "tripline-test"
  github             = { repository = "acme/tripline", environments = ["staging"] }
}

run "least_privilege" {
  assert {
    condition     = alltrue([for service, member in google_service_account_iam_member.workload : member.member == "serviceAccount:tripline-test.svc.id.goog[tripline/tripline-${service}]"])
    error_message = "An identity is worn by the Kubernetes service account of its service, and no other."
  }

  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.service)) == "archive/lake scoring/models training/datasets training/lake training/models"
    error_message = "Only archive, scoring and training touch buckets."
  }

  assert {
    condition     = google_storage_bucket_iam_member.service["scoring/models"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.service["training/lake"].role == "roles/storage.objectViewer"
    error_message = "Scoring must not change models, training must not change the lake."
  }

  assert {
    condition     = join(" ", keys(google_secret_manager_secret_iam_member.service)) == "auth/bootstrap-clients auth/key-encryption-key auth/postgres-url ingestion/card-token-key"
    error_message = "A secret is read by its service only."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.sub == 'repo:acme/tripline:environment:staging'"
    error_message = "Other repositories and other jobs must not get in."
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
}
