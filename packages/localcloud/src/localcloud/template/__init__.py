"""CloudFormation on one machine: the assembly, its templates, and what they bring up."""
