"""A cloud on one machine: brings up the AWS CloudFormation templates of a CDK assembly and runs them."""
