mock_provider "google" {
  mock_data "google_storage_project_service_account" {
    defaults = { email_address = "service-1@gs-project-accounts.iam.gserviceaccount.com" }
  }

  mock_data "google_logging_project_cmek_settings" {
    defaults = { service_account_id = "cmek-p1@gcp-sa-logging.iam.gserviceaccount.com" }
  }
}

variables {
  name           = "tripline-test"
  project_id     = "tripline-test"
  project_number = "1"
  region         = "europe-west3"
}

# Only a plan, because a key cannot be destroyed after an apply.
run "one_key_and_one_agent_each" {
  command = plan

  assert {
    condition     = join(" ", keys(google_kms_crypto_key.this)) == "cache cluster database files kafka logs objects personal registry secrets volumes"
    error_message = "Every kind of data needs its own key."
  }

  assert {
    condition     = length(distinct([for grant in google_kms_crypto_key_iam_member.agent : grant.member])) == 10
    error_message = "An agent may use only its own key."
  }

  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.rotation_period == "7776000s"])
    error_message = "Keys must be rotated every 90 days."
  }
}
