# Plans every environment with a mock provider, so no account is needed: tofu test -var-file=dev.tfvars.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }

  mock_data "google_storage_project_service_account" {
    defaults = { email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
  }

  mock_data "google_logging_project_cmek_settings" {
    defaults = { service_account_id = "cmek-p123456789012@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  mock_resource "google_compute_network" {
    defaults = { id = "projects/tripline-test/global/networks/tripline" }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "service@tripline-test.iam.gserviceaccount.com"
      member = "serviceAccount:service@tripline-test.iam.gserviceaccount.com"
      name   = "projects/tripline-test/serviceAccounts/service@tripline-test.iam.gserviceaccount.com"
    }
  }
}

# Even mocked keys cannot be destroyed, so a separate run below plans their module.
override_module {
  target = module.kms

  outputs = {
    key_ids = {
      cache    = "projects/p/locations/l/keyRings/r/cryptoKeys/cache"
      cluster  = "projects/p/locations/l/keyRings/r/cryptoKeys/cluster"
      database = "projects/p/locations/l/keyRings/r/cryptoKeys/database"
      files    = "projects/p/locations/l/keyRings/r/cryptoKeys/files"
      kafka    = "projects/p/locations/l/keyRings/r/cryptoKeys/kafka"
      logs     = "projects/p/locations/l/keyRings/r/cryptoKeys/logs"
      objects  = "projects/p/locations/l/keyRings/r/cryptoKeys/objects"
      personal = "projects/p/locations/l/keyRings/r/cryptoKeys/personal"
      registry = "projects/p/locations/l/keyRings/r/cryptoKeys/registry"
      secrets  = "projects/p/locations/l/keyRings/r/cryptoKeys/secrets"
      volumes  = "projects/p/locations/l/keyRings/r/cryptoKeys/volumes"
    }
  }
}

variables {
  project_id      = "tripline-test"
  billing_account = "000000-000000-000000"
  region          = "europe-west3"
  alert_emails    = ["alerts@example.com"]
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
    condition     = output.helm_values.kafka.bootstrapServers == "bootstrap.tripline-${var.environment}.europe-west3.managedkafka.tripline-test.cloud.goog:9092"
    error_message = "Managed Kafka's address must consist of cluster, region and project."
  }

  assert {
    condition     = output.helm_values.postgres.user == "service@tripline-test.iam"
    error_message = "Cloud SQL must identify a service account without the suffix .gserviceaccount.com."
  }

  assert {
    condition     = output.helm_values.personalData.masterKey == "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/personal"
    error_message = "The chart must get the personal data key in the format that the services read."
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
    condition     = var.environment == "dev" || (output.kubernetes_objects.items[0].reclaimPolicy == "Retain" && output.kubernetes_objects.items[0].parameters.tier == "enterprise")
    error_message = "In staging and prod, the lake must be in three zones and outlive its claim."
  }

  assert {
    condition     = join(",", keys(output.helm_values.secretStore.names["ingestion"])) == "card-token-key"
    error_message = "Ingestion must read the card token key and no other secret."
  }

  assert {
    condition     = var.environment == "dev" || (var.protected && var.database.highly_available && var.cache.replica_count > 0)
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

run "instances_below_the_least_size_are_refused" {
  command = plan

  variables {
    files = { tier = "enterprise", lake_gib = 500, registry_gib = 1024 }
  }

  expect_failures = [var.files]
}
