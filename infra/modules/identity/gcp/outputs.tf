output "service_account_annotations" {
  description = "Annotations of each service's Kubernetes service account."
  value       = { for service, account in google_service_account.service : service => { "iam.gke.io/gcp-service-account" = account.email } }
}

output "emails" {
  description = "Address of each service's Google service account."
  value       = { for service, account in google_service_account.service : service => account.email }
}

output "secret_names" {
  description = "Secrets of each service, by name in Secret Manager."
  value       = { for service, uses in var.services : service => { for secret in uses.secrets : secret => google_secret_manager_secret.this["${service}/${secret}"].secret_id } }
}

output "deployer" {
  description = "Service account and identity provider that workflows use; null without GitHub."
  value = var.github == null ? null : {
    service_account = google_service_account.deployer[0].email
    provider        = google_iam_workload_identity_pool_provider.github[0].name
  }
}

output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the namespace of the services, and the permissions of workflows in it."
  value       = concat([local.kubernetes_namespace], local.deployer_objects)
}
