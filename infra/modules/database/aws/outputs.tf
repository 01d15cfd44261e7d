output "host" {
  description = "Host name; the port is 5432 and the database tripline."
  value       = aws_db_instance.this.address
}

output "instance_id" {
  description = "Name of the instance as its metrics carry it."
  value       = aws_db_instance.this.identifier
}

output "resource_id" {
  description = "Id that the right to connect (rds-db:connect) names."
  value       = aws_db_instance.this.resource_id
}

output "administrator_secret_arn" {
  description = "Secret that holds the administrator's password, for creating the services' database users."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
