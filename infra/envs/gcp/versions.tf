terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # State in Cloud Storage, which locks by itself; bucket and prefix come from <environment>.gcs.tfbackend.
  backend "gcs" {}
}

provider "google" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id

  default_labels = {
    project     = "tripline"
    environment = var.environment
  }
}
