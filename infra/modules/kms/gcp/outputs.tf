# The outputs depend on the grants, because a service rejects a key that its agent may not use.
output "key_ids" {
  description = "Key of each kind of data: cache, cluster, database, files, kafka, logs, objects, personal, registry, secrets, volumes."
  value       = { for purpose, key in google_kms_crypto_key.this : purpose => key.id }
  depends_on  = [google_kms_crypto_key_iam_member.agent]
}
