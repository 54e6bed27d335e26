"""A cloud on one machine: runs the CloudFormation templates of a CDK assembly."""
