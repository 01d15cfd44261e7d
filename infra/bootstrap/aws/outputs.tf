output "bucket" {
  description = "Bucket for the *.s3.tfbackend files."
  value       = aws_s3_bucket.state.id
}
