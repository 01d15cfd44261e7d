mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  # The provider validates the format of ARNs.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/one" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:000000000000:log-group:one" }
  }
}

variables {
  name                    = "tripline-test"
  region                  = "eu-central-1"
  cidr                    = "10.20.0.0/16"
  zones                   = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  nat_gateway_count       = 1
  flow_log_kms_key_arn    = "arn:aws:kms:eu-central-1:000000000000:key/logs"
  flow_log_retention_days = 30
}

run "subnets_do_not_overlap" {
  assert {
    condition = join(" ", concat(
      [for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.data : subnet.cidr_block], [for subnet in aws_subnet.public : subnet.cidr_block],
    )) == "10.20.0.0/19 10.20.32.0/19 10.20.64.0/19 10.20.128.0/22 10.20.132.0/22 10.20.136.0/22 10.20.192.0/24 10.20.193.0/24 10.20.194.0/24"
    error_message = "Three zones and three kinds of subnet must share one address plan."
  }

  assert {
    condition     = !anytrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch])
    error_message = "Nothing may get a public address when it starts."
  }
}

run "one_nat_gateway" {
  assert {
    condition     = join(" ", keys(aws_nat_gateway.this)) == "eu-central-1a" && length(aws_route.private_nat) == 3
    error_message = "All zones must use the first zone's gateway."
  }
}

run "a_nat_gateway_in_each_zone" {
  variables {
    nat_gateway_count = 3
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Each zone must use its own gateway."
  }
}

run "two_zones_are_refused" {
  command = plan

  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }

  expect_failures = [var.zones]
}
