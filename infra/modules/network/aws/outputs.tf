output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of the nodes, one per zone, with egress through NAT."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "data_subnet_ids" {
  description = "Subnets of Kafka, cache and database, one per zone, without a route out."
  value       = [for subnet in aws_subnet.data : subnet.id]
}
