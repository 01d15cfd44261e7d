output "host" {
  description = "Host name; the port is 5432 and the database tripline."
  value       = aws_db_instance.this.address
}

output "instance_id" {
  description = "Name of the instance in its metrics."
  value       = aws_db_instance.this.identifier
}

output "resource_id" {
  description = "ID for the permission to connect (rds-db:connect)."
  value       = aws_db_instance.this.resource_id
}

output "administrator_secret_arn" {
  description = "Secret with the administrator's password, for creating the services' database users."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
