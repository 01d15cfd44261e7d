terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # State in Cloud Storage, which has built-in locking; <environment>.gcs.tfbackend contains the bucket and prefix.
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
